//! What NBD puts on the wire for a write: the request with its payload, and the simple reply (the NBD protocol, "transmission").

use super::CLUSTER_BYTES;

/// Length of a request without its payload.
pub const REQUEST_LEN: usize = 28;
/// Length of a reply.
pub const REPLY_LEN: usize = 16;

const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const CMD_WRITE: u16 = 1;

/// The head of a request to write one cluster; the cookie is the number of the cluster.
pub fn encode_write(cluster: usize) -> [u8; REQUEST_LEN] {
    let mut bytes = [0; REQUEST_LEN];
    bytes[..4].copy_from_slice(&REQUEST_MAGIC.to_be_bytes());
    bytes[6..8].copy_from_slice(&CMD_WRITE.to_be_bytes());
    bytes[8..16].copy_from_slice(&(cluster as u64).to_be_bytes());
    bytes[16..24].copy_from_slice(&(cluster as u64 * CLUSTER_BYTES).to_be_bytes());
    bytes[24..].copy_from_slice(&(CLUSTER_BYTES as u32).to_be_bytes());
    bytes
}

/// The cluster that a request is about; none if it is no request to write one.
pub fn decode_write(bytes: &[u8; REQUEST_LEN]) -> Option<usize> {
    let offset = u64::from_be_bytes(bytes[16..24].try_into().ok()?);
    let cluster = usize::try_from(offset / CLUSTER_BYTES).ok()?;
    (*bytes == encode_write(cluster)).then_some(cluster)
}

/// The reply to a write that succeeded.
pub fn encode_reply(cluster: usize) -> [u8; REPLY_LEN] {
    let mut bytes = [0; REPLY_LEN];
    bytes[..4].copy_from_slice(&REPLY_MAGIC.to_be_bytes());
    bytes[8..].copy_from_slice(&(cluster as u64).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_understood() {
        assert_eq!(decode_write(&encode_write(17)), Some(17));
    }

    #[test]
    fn what_is_no_write_of_a_cluster_is_refused() {
        let mut read = encode_write(17);
        read[7] = 0;
        assert_eq!(decode_write(&read), None);
    }
}
