"""What the doors share to make a Stack: from dates and scenes to pixels that are read when asked for."""
