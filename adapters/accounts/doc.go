// Package accounts keeps the people and the places of a platform: organizations
// with their members, workspaces with their settings, users, teams, and access
// levels. Hosts that have no tables of their own for these import it; it
// implements the ports that the suite asks a host for, and no other package of
// the suite needs it.
package accounts
