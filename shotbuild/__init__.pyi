from shotbuild.built import BuildOptions as BuildOptions
from shotbuild.workspace import Workspace as Workspace
from shotbuild.workspace import open_project as open

__version__: str
__all__ = ["BuildOptions", "Workspace", "__version__", "open"]
