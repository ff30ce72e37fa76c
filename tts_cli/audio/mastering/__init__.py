"""What is done to sound: cut, stretched, mixed, limited."""
