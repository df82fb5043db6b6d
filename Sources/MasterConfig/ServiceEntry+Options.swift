//===----------------------------------------------------------------------===//
// Quartermaster: what an entry of master.cf makes of its children's command line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

extension ServiceEntry {
    /// The command line of the entry's children.
    ///
    /// - Parameters:
    ///   - isAttached: master was told to stay on its terminal (`-d`).
    ///   - tellsStress: whether the children are told about stress; the policy decides which services can be under it.
    ///   - socketCount: listening descriptors that a child gets.
    package func argumentVector(
        isAttached: Bool,
        isVerbose: Bool,
        tellsStress: Bool,
        socketCount: Int
    ) -> ArgumentVector {
        var options = DaemonOptions()
        options.isAlone = processLimit == 1
        options.isUnlimited = processLimit == 0
        if !command.baseName.hasSameBytes(as: nameAsWritten) { options.serviceName = nameAsWritten }
        options.transportName = type.rawValue
        options.isForeground = isAttached
        options.verbosity = isVerbose ? 1 : 0
        options.isUnprivileged = isUnprivileged
        options.isChroot = wantsChroot
        options.overrides = tellsStress ? [.calm] : []
        options.socketCount = socketCount
        options.arguments = arguments
        return ArgumentVector(command: command, options)
    }
}
