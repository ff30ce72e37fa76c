"""What is measured in sound: numpy in, numbers out."""
