"""The insides of an EOPatch folder, today's and those of 2021."""
