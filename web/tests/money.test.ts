import { describe, expect, it } from 'vitest';

import { formatMoney, nanos, parseMoney, plainMoney, share } from '~/i18n/money';

describe('formatMoney', () => {
  it.each([
    [0, 9, '$0.00'],
    [1, 9, '$0.000000001'],
    [1_500_000_000, 9, '$1.50'],
    [1_234_567_000_000_000, 2, '$1,234,567.00'],
    ['123456789012345678901', 9, '$123,456,789,012.345678901'],
    [-2_500_000_001, 9, '−$2.500000001'],
  ] as const)('writes %s nanos to %i places as %s', (amount, places, shown) => {
    expect(formatMoney(amount, 'en', places)).toBe(shown);
  });

  it('never shows more than there is', () => {
    expect(formatMoney(999_999_999, 'en', 2)).toBe('$0.99');
  });
});

describe('parseMoney', () => {
  it.each([
    ['12', 12_000_000_000n],
    ['$1,200.5', 1_200_500_000_000n],
    [' 0.000000001 ', 1n],
    ['9007199254.740993', 9_007_199_254_740_993_000n],
  ] as const)('reads %s', (typed, amount) => {
    expect(parseMoney(typed)).toBe(amount);
  });

  it.each(['', '-1', '1.', '.5', '1e3', '1,2', '0.0000000001', 'NaN', '１２'])('refuses %j', (typed) => {
    expect(parseMoney(typed)).toBeNull();
  });

  it('reads back what a form shows of an amount', () => {
    for (const amount of [0n, 1n, 500_000_000n, 12_000_000_000n, 9_007_199_254_740_993n]) {
      expect(parseMoney(plainMoney(amount))).toBe(amount);
    }
  });
});

it('refuses a number that has lost digits', () => {
  expect(() => nanos(2 ** 53)).toThrow(RangeError);
});

it('gives a share for a bar within 0 and 100', () => {
  expect([share(1, 3), share(5, 2), share(-1, 2), share(1, 0)]).toEqual([33.3, 100, 0, 0]);
});
