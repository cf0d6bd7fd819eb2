"""Other people's machines: who may be asked, how patiently, and what of them is kept here."""
