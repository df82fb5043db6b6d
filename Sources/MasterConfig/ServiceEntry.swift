//===----------------------------------------------------------------------===//
// Quartermaster: one service of master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// One line of master.cf as values. It says what the administrator wrote, with defaults filled in; it does not say
/// which addresses a host name has or whether the program exists.
package struct ServiceEntry: Equatable, Sendable {
    package var nameAsWritten: String
    package var type: Transport
    /// False for every inet and udp service.
    package var isPrivate: Bool
    package var isUnprivileged: Bool
    package var wantsChroot: Bool
    /// Zero for a service that is not woken up.
    package var wakeupSeconds: Int
    /// Whether a wake-up is sent only once the service has been used.
    package var wakeupIsConditional: Bool
    /// Zero is no limit.
    package var processLimit: Int
    /// As written, which is also the child's `argv[0]`.
    package var command: String
    package var executablePath: String
    /// The arguments behind the command, to be handed on as they are.
    package var arguments: [String]
    /// The first physical line of the entry.
    package var line: Int
    /// Host and port of an inet or udp service.
    package var inetName: InetName?

    package init(
        nameAsWritten: String,
        type: Transport,
        isPrivate: Bool = true,
        isUnprivileged: Bool = true,
        wantsChroot: Bool = false,
        wakeupSeconds: Int = 0,
        wakeupIsConditional: Bool = false,
        processLimit: Int = 100,
        command: String,
        executablePath: String,
        arguments: [String] = [],
        line: Int = 0,
        inetName: InetName? = nil
    ) {
        self.nameAsWritten = nameAsWritten
        self.type = type
        self.isPrivate = isPrivate && !type.isInternet
        self.isUnprivileged = isUnprivileged
        self.wantsChroot = wantsChroot
        self.wakeupSeconds = wakeupSeconds
        self.wakeupIsConditional = wakeupIsConditional
        self.processLimit = processLimit
        self.command = command
        self.executablePath = executablePath
        self.arguments = arguments
        self.line = line
        self.inetName = inetName
    }

    /// Where the endpoint is, relative to the queue directory; nil for inet and udp.
    package var endpointPath: String? {
        type.isInternet ? nil : (isPrivate ? "private/" : "public/") + nameAsWritten
    }

    /// Whether every client is on this machine, as far as the type alone tells: nil for inet and udp, where the
    /// addresses decide. A `pass` service stands for remote clients.
    package var isLocalOnlyByType: Bool? {
        switch type {
        case .inet, .udp: return nil
        case .pass: return false
        case .unix, .unixDatagram, .fifo: return true
        }
    }
}
