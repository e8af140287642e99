"""Reading of arrays from files that other programs wrote: MATLAB, HDF5 and NumPy archives.

MATLAB and HDF5 files are read in a child process with limits of time and memory, since a damaged file can crash the
library that reads it. Sizes are checked before anything is read, nothing is unpickled, and no file leads to another.
"""

from reidbench.arrays.budget import ArrayError
from reidbench.arrays.messages import Group, NotAnArray
from reidbench.arrays.npz import read_npz
from reidbench.arrays.process import ArrayReader, share_reader

__all__ = ["ArrayError", "ArrayReader", "Group", "NotAnArray", "read_npz", "share_reader"]
