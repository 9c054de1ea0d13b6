// Package attribute holds the typed attributes of contacts and of every other
// object that has some: values as exact JSON, definitions, and the rules by
// which a value becomes one of a definition's type. Domains import it to give
// their objects attributes, and hosts import it to define and to read them.
package attribute
