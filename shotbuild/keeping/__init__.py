"""Looking after what was made: what the store holds, whether it is whole, and what may go."""
