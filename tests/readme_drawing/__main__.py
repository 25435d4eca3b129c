"""Write the drawing in the README anew: `make generate`."""

from readme_drawing import FILE, drawing

FILE.write_text(drawing(), encoding="utf-8")
