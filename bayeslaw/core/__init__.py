"""What every room uses: errors, notes, files, intervals, vocabulary, version."""
