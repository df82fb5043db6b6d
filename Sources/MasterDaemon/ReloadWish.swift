//===----------------------------------------------------------------------===//
// Quartermaster: who wants a reload, and how much of what runs it shall touch
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One request for a reload.
struct ReloadWish: Equatable, Sendable {
    var asker = ReloadAsker.signal
    /// Every process is told to leave, as Postfix's `master` does: tables and certificates, too, are read again. Else
    /// only those that something has changed for.
    var retiresAll = true

    /// Of two that are served together, both get what they want, and the later one is named.
    mutating func merge(_ later: ReloadWish) {
        asker = later.asker
        retiresAll = retiresAll || later.retiresAll
    }
}

enum ReloadAsker: Equatable, Sendable {
    /// SIGHUP, from whomever.
    case signal
    /// A client of the control socket.
    case client(user: UInt32, pid: Int32)
}
