"""Write the vector files anew."""

import warnings

from conformance_vectors.files import all_cases, write_files

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # references divide by zero and overflow where that is what a sample is about
    write_files(all_cases())
