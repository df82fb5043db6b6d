//===----------------------------------------------------------------------===//
// Quartermaster: TriggerService, what a service that is woken to do something implements
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A service that does something when it is told to, and answers nobody: the counterpart of Postfix's trigger servers,
/// such as pickup and qmgr. It is woken by whoever connects and sends a few bytes, by whoever writes to its FIFO, and
/// by `master` itself, as often as the wakeup field of its line in master.cf says.
///
/// A handler may take its time: the process is busy meanwhile.
public protocol TriggerService: Service, ~Copyable {
    /// How many triggers a call of the handler is for. Default: one.
    static var triggersAtOnce: TriggersAtOnce { get }

    /// A trigger came, with at most 1024 bytes. A trigger of `master` is the byte `W`, on a socket with a NUL behind
    /// it; no bytes at all are a trigger as well. The span lives as long as the handler runs.
    mutating func triggered(_ bytes: RawSpan)
}

/// How many triggers a call of the handler is for.
public enum TriggersAtOnce: Sendable {
    /// One, whose bytes the service gets. A client that has connected is waited for, ten seconds at most.
    case one
    /// All that wait, for work that needs to be done once for all of them. To connect is enough; whatever they sent,
    /// the service gets no bytes. Those that come while the handler runs wait, and lead to one more call.
    case all
}

extension TriggerService where Self: ~Copyable {
    public static var triggersAtOnce: TriggersAtOnce { .one }
}
