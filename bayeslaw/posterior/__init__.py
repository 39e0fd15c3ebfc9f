"""What a fit returns: draws with their law, table and notes; predictions, storage, averages."""
