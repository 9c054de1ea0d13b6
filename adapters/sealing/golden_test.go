package sealing_test

// What the first release sealed and stored, under hostKey.
const (
	goldenWorkspace = "wsp_06eajh8afds7kffv5z0dej5e5c"
	goldenKey       = "dky_06eajh8afdrfhc6vsa37hz0j2c"
	goldenWrappedBy = "static-0eb6b444cfc6f0b7"
	goldenWrapped   = "57ada68572d854980d8f5fcab0287e29e71ccb0feb8ccd82b2646430a2265464d910eae1e333d38313633a259fe305c0a7a169369a1b1d26ea8e963126de2aa9c81fabe4b6cd8458"
	goldenSealed    = "01019ca9450a7b70f8b0dbca8678fc12136fd3708d2a0e09b3a2c4600e8624e09f1d908eb0db4458b9a02a1a406518e39015b6bbe67cd8cb79de32b222a8967076e4ce51fdb21bc761172069b4fe43bc5b2fa01fe99e"
)
