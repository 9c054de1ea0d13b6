// Package pgxarrays sends whole columns to PostgreSQL as binary arrays through
// pgx. Programs that open a bunstore.Store on pgx's database/sql driver import
// it for bunstore.Config.Arrays; behind a pooler that shares connections between
// statements, and with other drivers, the default literals are the way.
package pgxarrays
