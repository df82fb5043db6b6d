//===----------------------------------------------------------------------===//
// Quartermaster: times and sizes both sides rely on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Times, sizes and bytes that master and its children rely on of each other.
package enum ProtocolLimit {
    /// How long the monitor of `master -w` waits for the daemon to say that it is ready.
    package static var monitorWaitSeconds: Int { 100 }
    /// How long master's loop may take for one turn before it is stopped.
    package static var masterWatchdogSeconds: Int { 1000 }
    /// In how many steps a watchdog's time is counted, so that a stopped machine does not trip it.
    package static var watchdogSteps: Int { 3 }
    /// Default watchdog of skeletons that serve without a client to wait for.
    package static var skeletonWatchdogSeconds: Int { 1000 }
    /// Longest sleep of master's loop.
    package static var loopWaitSeconds: Int { 500 }
    /// How long a process that was told to die may take over its last words.
    package static var selfDestructSeconds: Int { 5 }
    /// How long a service counts as overloaded after it last came within one process of its limit.
    package static var stressSeconds: Int { 1000 }
    /// Shortest time between two process-limit warnings for a service.
    package static var limitWarningSeconds: Int { 1000 }
    /// How long a removed service's children have between SIGTERM and SIGKILL.
    package static var removalSeconds: Int { 5 }
    /// How long connecting or writing a wake-up may take.
    package static var wakeupWriteSeconds: Int { 1 }
    /// How long a wake-up's connection is kept for a peer that does not close it.
    package static var wakeupLingerSeconds: Int { 101 }
    /// How long the receiver of a passed connection waits for the descriptor, and again for the attributes.
    package static var passReceiveSeconds: Int { 100 }
    /// How long a trigger server waits for the bytes of a trigger.
    package static var triggerReadSeconds: Int { 10 }
    /// Largest trigger that is read at once.
    package static var triggerBytes: Int { 1024 }
    /// Largest datagram that is read.
    package static var datagramBytes: Int { 4096 }
    /// Lowest descriptor number a client of a multi server gets, so that libraries keep the small ones.
    package static var firstClientDescriptor: Int32 { 128 }
    /// Longest time a skeleton waits before it retires a process by age.
    package static var retirementSeconds: Int { 18000 }
    /// Longest text of one log line.
    package static var logTextBytes: Int { 2000 }
    /// Errors after which a process gives up.
    package static var errorCount: Int { 13 }
    /// Permissions of a UNIX-domain socket; access control is the directory's.
    package static var socketMode: UInt32 { 0o666 }
    /// Permissions of a FIFO; access control is the directory's.
    package static var fifoMode: UInt32 { 0o622 }
}

/// Bytes a client or master can send to a trigger service.
package enum TriggerByte: UInt8, Sendable {
    /// Plain wake-up, the one master sends.
    case wakeup = 0x57
    /// Scan the incoming queue.
    case scanIncoming = 0x49
    /// Scan the deferred queue.
    case scanDeferred = 0x44
    /// Forget which destinations are dead.
    case forgetDead = 0x46
    /// Ignore time stamps.
    case ignoreTime = 0x41
}
