"""What the migrations make of a database: their files, and the tables that a database really has."""
