//===----------------------------------------------------------------------===//
// Quartermaster: several descriptors with one owner
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Owns any number of descriptors, in order; closes those that are left when it ends.
package struct DescriptorList: ~Copyable, Sendable {
    package private(set) var numbers: [DescriptorNumber] = []

    package init() {}

    deinit {
        for number in numbers { _ = Descriptor(owning: number) }
    }

    package var count: Int { numbers.count }

    package mutating func append(_ descriptor: consuming Descriptor) {
        numbers.append(descriptor.release())
    }

    /// Gives the descriptors away.
    package consuming func release() -> [DescriptorNumber] {
        let numbers = self.numbers
        discardOwnership()
        return numbers
    }

    private mutating func discardOwnership() { numbers.removeAll() }

    /// Closes all, in order; what failed comes back with its number.
    package mutating func closeAll() -> [(number: DescriptorNumber, error: SystemError)] {
        var failures: [(number: DescriptorNumber, error: SystemError)] = []
        for number in numbers {
            do throws(SystemError) {
                try Descriptor(owning: number).close()
            } catch {
                failures.append((number, error))
            }
        }
        numbers.removeAll()
        return failures
    }
}

extension Descriptor {
    /// The same open file under a number not below `lowest`, close-on-exec; the old number is closed.
    package consuming func moved(atLeast lowest: Int32) throws(SystemError) -> Descriptor {
        if number.rawValue >= lowest { return self }
        return try number.duplicate(atLeast: lowest)
    }
}
