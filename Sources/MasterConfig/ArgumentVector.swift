//===----------------------------------------------------------------------===//
// Quartermaster: the argument vector of a service's children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What a child is started with.
package struct ArgumentVector: Equatable, Sendable {
    package var arguments: [String]
    /// Where `stress=` stands, for a service that may be under stress; its text is replaced by `stress=yes` then.
    package var stressIndex: Int?

    package static let calm = "stress="
    package static let stressed = "stress=yes"
}

extension ServiceEntry {
    /// The options master adds come first, so that those of master.cf win over them.
    ///
    /// `detached` is false when master was told to stay on its terminal (`-d`); `socketCount` is the number of
    /// listening descriptors the child gets.
    package func argumentVector(
        detached: Bool,
        verbose: Bool,
        isLocalOnly: Bool,
        socketCount: Int
    ) -> ArgumentVector {
        var vector = [command]
        if processLimit == 1 { vector.append("-l") }
        if processLimit == 0 { vector.append("-z") }
        if !command.baseName.hasSameBytes(as: nameAsWritten) { vector += ["-n", nameAsWritten] }
        vector += ["-t", type.rawValue]
        if !detached { vector.append("-d") }
        if verbose { vector.append("-v") }
        if isUnprivileged { vector.append("-u") }
        if wantsChroot { vector.append("-c") }
        var stressIndex: Int?
        if isStressEligible(isLocalOnly: isLocalOnly) {
            vector += ["-o", ArgumentVector.calm]
            stressIndex = vector.count - 1
        }
        if socketCount > 1 { vector += ["-s", String(socketCount)] }
        vector += arguments
        return ArgumentVector(arguments: vector, stressIndex: stressIndex)
    }
}
