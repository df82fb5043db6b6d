//===----------------------------------------------------------------------===//
// Quartermaster: when a process makes room for a fresh one, whatever it has served
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides how long a process lives whose service demands `.retires`. Starts no timer.
enum RetirementTime {
    /// Of a process whose limits say nothing, or would have it live for longer.
    static let longest = 18_000

    /// Seconds from the start of the process on.
    ///
    /// - Parameters:
    ///   - option: what `-r` says.
    ///   - useLimit: `max_use` as main.cf and the command line have it, whatever the service makes of it; 0 is none.
    ///   - idleLimit: the same of `max_idle`.
    static func seconds(option: Int?, useLimit: Int, idleLimit: Int) -> Int {
        if let option { return option }
        // A process that serves one client just before each end of its idle limit lives for the product of the two.
        let (product, isTooLarge) = useLimit.multipliedReportingOverflow(by: idleLimit)
        return product <= 0 || isTooLarge ? longest : min(product, longest)
    }
}
