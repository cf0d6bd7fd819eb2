"""A Resolver in other people's hands: other array libraries, other runtimes, catalogues of models."""
