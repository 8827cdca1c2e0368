"""What people do with what is bought: see it, cancel it, clear up what was lost, and add up what it cost; one file each."""
