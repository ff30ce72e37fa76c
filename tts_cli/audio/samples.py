"""What sound is in memory: float32 samples between -1 and 1, of shape [n] or [n, channels]."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
