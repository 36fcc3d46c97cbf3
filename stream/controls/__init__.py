"""Controls: settings that admins change in the console, over the defaults of files and ours."""
