//! Every step of the model, under a stable name.
//!
//! Names are those of the thread and what it does; `stands_for` gives the step's number in the documentation of the races
//! and QEMU's function. Plans, witnesses and host profiles name steps by these names.

use colosim_sim::{StepId, StepInfo};

macro_rules! steps {
    ($($group:ident { $($constant:ident $name:literal = $number:literal in $function:literal,)+ })+) => {
        /// All steps; a [`StepId`] is an index into this table.
        pub const STEPS: &[StepInfo] = &[$($(StepInfo {
            name: concat!(stringify!($group), ".", $name),
            stands_for: concat!($number, ", ", $function),
        },)+)+];

        $(
            #[doc = concat!("Steps `", stringify!($group), ".*`.")]
            pub mod $group {
                use super::index_of;
                use colosim_sim::StepId;
                $(
                    #[doc = concat!("`", stringify!($group), ".", $name, "`: ", $number, ", `", $function, "`.")]
                    pub const $constant: StepId = index_of(concat!(stringify!($group), ".", $name));
                )+
            }
        )+
    };
}

/// The step of that name, found while compiling.
const fn index_of(name: &str) -> StepId {
    let mut i = 0;
    while i < STEPS.len() {
        if is_equal(STEPS[i].name.as_bytes(), name.as_bytes()) {
            return StepId(i as u16);
        }
        i += 1;
    }
    panic!("a step that is not in the table")
}

const fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// The step of that name.
pub fn step_named(name: &str) -> Option<StepId> {
    STEPS.iter().position(|step| step.name == name).map(|i| StepId(i as u16))
}

/// The names of all steps.
pub fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

steps! {
    management {
        LOOK "look" = "0" in "the management outside of both QEMUs",
    }
    multifd_recv {
        CHECK_EXITING "check_exiting" = "R0" in "multifd_recv_thread",
        READ_HEADER "read_header" = "R1" in "multifd_recv_thread",
        PARSE_HEADER "parse_header" = "R2" in "multifd_recv_unfill_packet_header",
        READ_PACKET "read_packet" = "R3" in "multifd_recv_thread",
        LOCK "lock" = "R4" in "multifd_recv_thread",
        FIND_BLOCK "find_block" = "R5c" in "multifd_ram_unfill_packet",
        FILL_OFFSETS "fill_offsets" = "R5d" in "multifd_ram_unfill_packet",
        READ_STATE_PREPARE "read_state_prepare" = "R5e1" in "multifd_colo_prepare_recv",
        RECORD_NORMAL "record_normal" = "R5e2" in "colo_record_bitmap",
        RECORD_ZERO "record_zero" = "R5e3" in "colo_record_bitmap",
        ASSERT_CACHE "assert_cache" = "R5e4" in "multifd_ram_unfill_packet",
        SET_HOST "set_host" = "R5e5" in "multifd_ram_unfill_packet",
        UNLOCK "unlock" = "R6" in "multifd_recv_thread",
        ZERO_PAGES "zero_pages" = "R7b" in "multifd_recv_zero_page_process",
        MARK_RECEIVED "mark_received" = "R7c" in "multifd_nocomp_recv",
        READV_PAGES "readv_pages" = "R7d" in "multifd_nocomp_recv",
        READ_PAYLOAD "read_payload" = "R7d" in "multifd_zlib_recv, multifd_zstd_recv",
        READ_STATE_PROCESS "read_state_process" = "R8a" in "multifd_colo_process_recv",
        COPY_TO_GUEST "copy_to_guest" = "R8b" in "multifd_colo_process_recv",
        CLEAR_GUEST "clear_guest" = "R8c" in "multifd_colo_process_recv",
        POST_SYNC "post_sync" = "R9a" in "multifd_recv_thread",
        WAIT_SYNC "wait_sync" = "R9b" in "multifd_recv_thread",
        EXIT "exit" = "RX" in "multifd_recv_thread",
        KICK "kick" = "RX" in "multifd_recv_thread, with recv_exit_kick",
    }
    recv_sync {
        WAIT_ALL "wait_all" = "Y1" in "multifd_recv_sync_main",
        COLLECT "collect" = "Y2" in "multifd_recv_sync_main",
        RELEASE "release" = "Y3" in "multifd_recv_sync_main",
    }
    recv_terminate {
        SET_EXITING "set_exiting" = "X1" in "multifd_recv_terminate_threads",
        STORE_ERROR "store_error" = "X2" in "multifd_recv_terminate_threads",
        SHUTDOWN_CHANNELS "shutdown_channels" = "X3" in "multifd_recv_terminate_threads",
    }
    recv_cleanup {
        TERMINATE "terminate" = "K1" in "multifd_recv_cleanup",
        JOIN "join" = "K2" in "multifd_recv_cleanup",
        FREE_CHANNELS "free_channels" = "K3" in "multifd_recv_cleanup",
        FREE_STATE "free_state" = "K4" in "multifd_recv_cleanup",
    }
    ram_load {
        WORD "word" = "L1" in "ram_load_precopy",
        MEM_SIZE "mem_size" = "L2" in "parse_ramblocks",
        FLUSH_WORD "flush_word" = "L3" in "ram_load_precopy",
        EOS "eos" = "L4" in "ram_load_precopy",
        CHOOSE_TARGET "choose_target" = "L5a" in "ram_load_precopy",
        PAGE_WORD "page_word" = "L5" in "ram_load_precopy",
        MARK_RECEIVED "mark_received" = "L5b" in "ram_load_precopy",
    }
    incoming {
        ACCEPT "accept" = "4.2" in "migration_ioc_process_incoming",
        START "start" = "4.2" in "process_incoming_migration_co",
        SECTION "section" = "4.2" in "qemu_loadvm_state_main",
        FAIL "fail" = "2.3" in "process_incoming_migration_co",
    }
    incoming_bh {
        ANNOUNCE "announce" = "B1" in "process_incoming_migration_bh",
        SHUTDOWN_MULTIFD "shutdown_multifd" = "B2" in "multifd_recv_shutdown",
        START_VM "start_vm" = "B4" in "process_incoming_migration_bh",
        COMPLETE "complete" = "B5" in "process_incoming_migration_bh",
    }
    incoming_destroy {
        JOIN_MULTIFD "join_multifd" = "B6a" in "migration_incoming_state_destroy",
        RELEASE_CACHE "release_cache" = "B6b" in "migration_incoming_state_destroy",
        RELEASE_RECEIVEDMAP "release_receivedmap" = "B6c" in "ram_load_cleanup",
        CLOSE_CHANNEL "close_channel" = "B6d" in "migration_incoming_state_destroy",
    }
    colo_init_ram_cache {
        MAP_CACHE "map_cache" = "6.2/1" in "colo_init_ram_cache",
        NEW_BMAP "new_bmap" = "6.2/2" in "colo_init_ram_cache",
        NEW_RAM_STATE "new_ram_state" = "6.2/3" in "colo_init_ram_cache",
    }
    colo_release_ram_cache {
        STOP_DIRTY_LOG "stop_dirty_log" = "6.9/1" in "colo_release_ram_cache",
        FREE_BMAP "free_bmap" = "6.9/2" in "colo_release_ram_cache",
        FREE_CACHE "free_cache" = "6.9/3" in "colo_release_ram_cache",
        FREE_RAM_STATE "free_ram_state" = "6.9/4" in "colo_release_ram_cache",
    }
    colo_incoming {
        ENTER_COLO_STATE "enter_colo_state" = "C1" in "colo_process_incoming_thread",
        ACTIVATE_DISKS "activate_disks" = "C3" in "colo_process_incoming_thread",
        INIT_FAILOVER_STATE "init_failover_state" = "C4" in "failover_init_state",
        START_DIRTY_LOG "start_dirty_log" = "C5" in "colo_incoming_start_dirty_log",
        START_VM "start_vm" = "C7" in "colo_process_incoming_thread",
        SEND_READY "send_ready" = "C8" in "colo_process_incoming_thread",
        WAIT_REQUEST "wait_request" = "C10" in "colo_wait_handle_message",
        STOP_VM "stop_vm" = "C11" in "colo_incoming_process_checkpoint",
        SEND_REPLY "send_reply" = "C12" in "colo_incoming_process_checkpoint",
        WAIT_VMSTATE_SEND "wait_vmstate_send" = "C13" in "colo_incoming_process_checkpoint",
        LOCK_FOR_LOAD "lock_for_load" = "C14" in "colo_incoming_process_checkpoint",
        LOAD_RAM "load_ram" = "C15" in "qemu_loadvm_state_main",
        UNLOCK_AFTER_LOAD "unlock_after_load" = "C16" in "colo_incoming_process_checkpoint",
        READ_SIZE "read_size" = "C17" in "colo_incoming_process_checkpoint",
        READ_BLOB "read_blob" = "C18" in "colo_incoming_process_checkpoint",
        SEND_RECEIVED "send_received" = "C19" in "colo_incoming_process_checkpoint",
        LOCK_FOR_FLUSH "lock_for_flush" = "C20" in "colo_incoming_process_checkpoint",
        SET_LOADING "set_loading" = "C21" in "colo_incoming_process_checkpoint",
        FLUSH "flush" = "C22" in "colo_flush_ram_cache",
        LOAD_DEVICES "load_devices" = "C23" in "qemu_load_device_state",
        REPLICATION_ERROR "replication_error" = "C24" in "replication_get_error_all",
        REPLICATION_CHECKPOINT "replication_checkpoint" = "C25" in "replication_do_checkpoint_all",
        NOTIFY_FILTERS "notify_filters" = "C26" in "colo_notify_filters_event",
        CLEAR_LOADING_START_VM "clear_loading_start_vm" = "C27" in "colo_incoming_process_checkpoint",
        CHECK_RELAUNCH "check_relaunch" = "C28" in "colo_incoming_process_checkpoint",
        SEND_LOADED "send_loaded" = "C29" in "colo_incoming_process_checkpoint",
        CHECK_ERROR "check_error" = "C30" in "colo_process_incoming_thread",
        RELAUNCH "relaunch" = "C31" in "colo_process_incoming_thread",
        CHECK_FAILOVER "check_failover" = "C32" in "colo_process_incoming_thread",
        SEND_EXIT_EVENT "send_exit_event" = "C33" in "colo_process_incoming_thread",
        WAIT_FAILOVER_DONE "wait_failover_done" = "C35" in "colo_process_incoming_thread",
    }
    colo_flush {
        SYNC_DIRTY_LOG "sync_dirty_log" = "G1" in "colo_flush_ram_cache",
        MERGE_GUEST_DIRTY "merge_guest_dirty" = "G3" in "colo_flush_ram_cache",
        CLEAR_BITS "clear_bits" = "G5" in "colo_flush_ram_cache",
        COPY_RUN "copy_run" = "G6" in "colo_flush_ram_cache",
    }
    failover {
        REQUEST "request" = "F0" in "failover_request_active",
        ACTIVATE "activate" = "F1" in "colo_failover_bh",
        STOP_VM "stop_vm" = "F2" in "secondary_vm_do_failover",
        CHECK_LOADING "check_loading" = "F3" in "secondary_vm_do_failover",
        LEAVE_COLO_STATE "leave_colo_state" = "F4" in "secondary_vm_do_failover",
        STOP_REPLICATION "stop_replication" = "F5" in "secondary_vm_do_failover",
        NOTIFY_FILTERS "notify_filters" = "F6" in "secondary_vm_do_failover",
        SHUTDOWN_MAIN "shutdown_main" = "F8" in "secondary_vm_do_failover",
        COMPLETE "complete" = "F9" in "secondary_vm_do_failover",
        SET_DONE "set_done" = "F10" in "secondary_vm_do_failover",
        ENTER_COROUTINE "enter_coroutine" = "F11" in "secondary_vm_do_failover",
        JOIN_COLO_THREAD "join_colo_thread" = "F12" in "colo_incoming_co",
    }
    yank {
        SHUTDOWN "shutdown" = "OOB" in "yank_instance",
    }
    migration {
        SETUP "setup" = "3.2" in "migration_thread",
        START_SECTION "start_section" = "3.6" in "ram_save_setup",
        DIRTY_SYNC "dirty_sync" = "3.7/5" in "migration_bitmap_sync",
        ITERATE "iterate" = "3.9/4" in "migration_iteration_run",
        FIND_PAGE "find_page" = "3.7/2" in "ram_find_and_save_block",
        ZERO_CHECK "zero_check" = "3.8" in "save_zero_page",
        WRITE_PAGE "write_page" = "3.7/2" in "save_normal_page",
        END_SECTION "end_section" = "3.7/3" in "ram_save_iterate",
        RATE_LIMIT "rate_limit" = "3.9/2" in "migration_rate_limit",
        STOP_VM "stop_vm" = "3.9/6" in "migration_completion_precopy",
        SAVE_DEVICES "save_devices" = "3.9/6" in "qemu_savevm_state_complete_precopy",
        COMPLETE "complete" = "3.9/6" in "migration_completion",
        CLEANUP "cleanup" = "3.9/8" in "migration_cleanup",
    }
    multifd_queue {
        WAIT_CHANNEL "wait_channel" = "3.4/3" in "multifd_send",
        HAND_OVER "hand_over" = "3.4/6" in "multifd_send",
        SYNC_REQUEST "sync_request" = "3.6/3" in "multifd_send_sync_main",
        SYNC_WAIT "sync_wait" = "3.6/3" in "multifd_send_sync_main",
        FLUSH_WORD "flush_word" = "3.6/4" in "multifd_ram_flush_and_sync",
    }
    multifd_send {
        WRITE_INIT "write_init" = "S1" in "multifd_send_thread",
        POST_READY "post_ready" = "S2" in "multifd_send_thread",
        WAIT_JOB "wait_job" = "S3" in "multifd_send_thread",
        CHECK_EXITING "check_exiting" = "S4" in "multifd_send_thread",
        PREPARE "prepare" = "S6" in "multifd_nocomp_send_prepare, multifd_send_zero_page_detect",
        WRITEV "writev" = "S7" in "multifd_send_thread",
        JOB_DONE "job_done" = "S10" in "multifd_send_thread",
        WRITE_SYNC "write_sync" = "S11" in "multifd_send_thread",
        POST_SYNC "post_sync" = "S13" in "multifd_send_thread",
        ERROR "error" = "SX" in "multifd_send_thread",
    }
    colo_primary {
        ENTER "enter" = "P2" in "colo_process_checkpoint",
        WAIT_READY "wait_ready" = "P5" in "colo_process_checkpoint",
        START_VM "start_vm" = "P7" in "colo_process_checkpoint",
        WAIT_EVENT "wait_event" = "P11" in "colo_process_checkpoint",
        SEND_REQUEST "send_request" = "P20" in "colo_do_checkpoint_transaction",
        WAIT_REPLY "wait_reply" = "P21" in "colo_do_checkpoint_transaction",
        STOP_VM "stop_vm" = "P23" in "colo_do_checkpoint_transaction",
        REPLICATION_CHECKPOINT "replication_checkpoint" = "P25" in "colo_do_checkpoint_transaction",
        SEND_VMSTATE_SEND "send_vmstate_send" = "P26" in "colo_do_checkpoint_transaction",
        SAVE_DEVICES "save_devices" = "P27" in "qemu_save_device_state",
        SAVE_RAM "save_ram" = "P29" in "qemu_savevm_live_state",
        SEND_SIZE "send_size" = "P31" in "colo_do_checkpoint_transaction",
        SEND_BLOB "send_blob" = "P32" in "colo_do_checkpoint_transaction",
        WAIT_RECEIVED "wait_received" = "P33" in "colo_do_checkpoint_transaction",
        RESET_EVENT "reset_event" = "P34" in "colo_do_checkpoint_transaction",
        RELEASE_OUTPUT "release_output" = "P35" in "colo_notify_compares_event",
        WAIT_LOADED "wait_loaded" = "P36" in "colo_do_checkpoint_transaction",
        RESUME_VM "resume_vm" = "P37" in "colo_do_checkpoint_transaction",
        EXIT_EVENT "exit_event" = "P14" in "colo_process_checkpoint",
        WAIT_EXIT "wait_exit" = "P15" in "colo_process_checkpoint",
    }
    primary_failover {
        STOP_VM "stop_vm" = "H1" in "primary_vm_do_failover",
        LEAVE_COLO_STATE "leave_colo_state" = "H2" in "primary_vm_do_failover",
        KICK "kick" = "H3" in "primary_vm_do_failover",
        SHUTDOWN_MAIN "shutdown_main" = "H4" in "primary_vm_do_failover",
        COMPLETE "complete" = "H5" in "primary_vm_do_failover",
        STOP_REPLICATION "stop_replication" = "H6" in "primary_vm_do_failover",
        POST_EXIT "post_exit" = "H7" in "primary_vm_do_failover",
        RESUME_VM "resume_vm" = "3.9/7" in "migration_iteration_finish",
    }
    fault {
        STRIKE "strike" = "0" in "a fault of the scenario strikes, from outside of both QEMUs",
    }
    disk {
        GUEST_WRITE "guest_write" = "7.9" in "quorum_co_pwritev",
        NBD_WRITE "nbd_write" = "7.9" in "nbd_do_cmd_write, backup_top",
        COMMIT "commit" = "7.9" in "commit_active_start",
    }
    vcpu {
        PULL_STATE "pull_state" = "C14" in "cpu_synchronize_all_states",
        PUSH_STATE "push_state" = "C23" in "cpu_synchronize_all_post_init",
    }
    monitor {
        CONT "cont" = "0" in "qmp_cont",
        NBD_SERVER_STOP "nbd_server_stop" = "7.9" in "qmp_nbd_server_stop",
    }
    colo_compare {
        COMPARE "compare" = "7.8/3" in "colo_compare_connection",
        NOTIFY "notify" = "7.8/3" in "colo_compare_inconsistency_notify",
        SCAN "scan" = "7.8/4" in "check_old_packet_regular",
        FLUSH "flush" = "7.8/5" in "colo_flush_packets",
    }
    multifd_codec {
        COMPRESS_ZLIB "compress_zlib" = "S6" in "multifd_zlib_send_prepare",
        COMPRESS_ZSTD "compress_zstd" = "S6" in "multifd_zstd_send_prepare",
        DECOMPRESS_ZLIB "decompress_zlib" = "R7" in "multifd_zlib_recv",
        DECOMPRESS_ZSTD "decompress_zstd" = "R7" in "multifd_zstd_recv",
    }
}
