"""What the user tells of himself: the files of the section `mine`, read and checked."""
