//===----------------------------------------------------------------------===//
// Quartermaster: SingleService, what a service with one client a process implements
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A service whose process serves one client from its arrival to its end, and then takes the next: the counterpart of
/// Postfix's single servers, such as smtpd, local or spawn. As many clients are served at a time as there may be
/// processes.
///
/// What it has in common with a `BlockingStreamService` that takes one client at a time is that it may wait for
/// whatever it likes. The differences:
///
/// - `serve` is called once for a client, as soon as that is there, and not once for each request. So the whole
///   conversation stands in one function; the service may speak first, ask somebody else before it reads a byte, or
///   hand the connection to another program.
/// - The descriptor blocks, for code that knows no other, and a transfer counts as progress: a conversation may last
///   for longer than the watchdog's limit.
/// - One idle process is woken for a client and not all of them, under another `master` too: there they take turns with
///   the lock that Postfix's servers of this kind use.
/// - Its processes may retire by time (`ServiceDemands.retires`, `-r`).
public protocol SingleService: Service, ~Copyable {
    /// A client is connected. When this returns, it is disconnected. Each wait for it lasts `ipc_timeout` at most.
    mutating func serve(_ client: inout BlockingClient)
}
