"""What people do with takes: name, decide, restore, bring in, compare, trace. Each function takes an open Workspace."""
