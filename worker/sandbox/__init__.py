"""The sandbox: stand-ins for the outside world, so that a whole day can be played on one machine."""
