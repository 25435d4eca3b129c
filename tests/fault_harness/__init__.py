"""What the tests of crashes, full disks and lost answers share."""
