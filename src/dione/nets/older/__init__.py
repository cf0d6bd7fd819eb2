"""What the pipeline of 2021 kept its networks in, as files of dione."""
