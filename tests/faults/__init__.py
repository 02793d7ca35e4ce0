"""What happens when processes die, disks fill up, and files are damaged or gone."""
