//===----------------------------------------------------------------------===//
// Quartermaster: a counter, a sum, a gauge, a summary
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import SystemCalls

// Each is a place in memory: trivially copyable, valid until the process ends, and of use to any thread. To count is to
// store there, without a system call, a lock or an allocation. Values are those of this process.

/// Counts what happens: from `ServiceContext.counter` or `ServiceMeters.counter`.
public struct ServiceCounter: Sendable {
    @usableFromInline let number: SharedNumber

    init(_ number: SharedNumber) { self.number = number }

    /// What is not positive is not counted.
    @inlinable @inline(__always)
    public func add(_ amount: Int = 1) { if amount > 0 { number.add(UInt64(truncatingIfNeeded: amount)) } }

    /// To zero, as if the process had just been started.
    public func reset() { number.store(0) }

    public var value: UInt64 { number.bits }
}

/// Adds up what is no whole number, and only grows: from `ServiceMeters.sum`.
public struct ServiceSum: Sendable {
    @usableFromInline let number: SharedNumber

    init(_ number: SharedNumber) { self.number = number }

    /// What is not positive, or not finite, is left out.
    @inlinable
    public func add(_ amount: Double) { if amount > 0, amount.isFinite { number.add(real: amount) } }

    /// To zero, as if the process had just been started.
    public func reset() { number.store(0) }

    public var value: Double { number.real }
}

/// Says how things are: from `ServiceContext.gauge` or `ServiceMeters.gauge`.
public struct ServiceGauge: Sendable {
    @usableFromInline let number: SharedNumber

    init(_ number: SharedNumber) { self.number = number }

    @inlinable @inline(__always)
    public func set(_ value: Double) { number.store(value.bitPattern) }

    /// Up, or down by a negative amount.
    @inlinable
    public func add(_ amount: Double) { number.add(real: amount) }

    public var value: Double { number.real }
}

/// Counts values, and adds them up, so that a mean can be told: from `ServiceMeters.summary`.
public struct ServiceSummary: Sendable {
    @usableFromInline let total: SharedNumber
    @usableFromInline let number: SharedNumber

    init(sum: SharedNumber, count: SharedNumber) { (total, number) = (sum, count) }

    /// What is not finite is left out.
    @inlinable
    public func record(_ value: Double) {
        guard value.isFinite else { return }
        total.add(real: value)
        number.add(1)
    }

    public var sum: Double { total.real }
    public var count: UInt64 { number.bits }
}
