// Package form holds form definitions: it loads and compiles them, and sanitises and validates what is submitted.
package form
