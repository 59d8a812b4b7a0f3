//! Why a chart could not be drawn.

/// Failure of [`render`](crate::render) or of drawing a [`Figure`](crate::chart::Figure).
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The sweep holds no run.
    #[error("the sweep of scenario `{scenario}` holds no run; run `colosim sweep` to the end of at least one point")]
    EmptySweep {
        /// Name of the scenario.
        scenario: String,
    },
    /// Not one value of the quantity is a finite number.
    #[error("nothing to draw in `{figure}`: not one of its points has a finite x and y")]
    NothingToDraw {
        /// Title of the figure.
        figure: String,
    },
    /// The drawing backend refused an element.
    #[error("drawing `{figure}` failed: {cause}")]
    Drawing {
        /// Title of the figure.
        figure: String,
        /// What the backend said.
        cause: String,
    },
    /// The pixels could not be encoded.
    #[error("encoding the PNG failed: {0}")]
    Encoding(#[from] png::EncodingError),
}
