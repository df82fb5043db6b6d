//===----------------------------------------------------------------------===//
// Quartermaster: the agreed names in this process's environment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol
import SystemCalls

extension EnvironmentName {
    /// The value in this process's environment; nil when the name is not there.
    package var value: String? { environmentValue(rawValue) }

    /// Whether the name is there, with whatever value.
    package var isPresent: Bool { value != nil }

    package func set(_ value: String) { setEnvironment(rawValue, value) }

    package func remove() { removeEnvironment(rawValue) }
}
