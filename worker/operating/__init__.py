"""What an operator may do, whoever asks: the command line or the console, which do not see each other."""
