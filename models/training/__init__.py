"""Recipes that make the artifacts. Needs the `train` extra; nothing that serves imports this
package.
"""
