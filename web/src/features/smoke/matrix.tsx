import { useWords } from '~/i18n/use-words';

import type { Cell } from './api';
import css from './smoke.module.css';

const MARKS: Record<string, string> = { pass: '✓', fail: '✕', unavailable: '!', skipped: '–' };
const VERDICTS = ['pass', 'fail', 'unavailable', 'skipped'] as const;

/** A row for each endpoint, a column for each feature. */
export function Matrix({ cells }: { cells: Cell[] }) {
  const { t } = useWords();
  const features = [...new Set(cells.map((cell) => cell.feature))].sort();
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) rows.set(cell.endpoint_id, [...(rows.get(cell.endpoint_id) ?? []), cell]);
  const verdict = (name: string) => {
    const known = VERDICTS.find((each) => each === name);
    return known === undefined ? name : t(`smoke:verdict.${known}`);
  };
  return (
    <>
      {/* It scrolls sideways, so the keyboard must be able to reach it. */}
      <div className={css.frame} tabIndex={0} role="group" aria-label={t('smoke:matrix')}>
        <table className={css.matrix}>
          <thead>
            <tr>
              <th scope="col">{t('smoke:column.endpoint')}</th>
              {features.map((feature) => (
                <th key={feature} scope="col">
                  {feature}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...rows].map(([endpoint, own]) => (
              <tr key={endpoint}>
                <th scope="row">
                  {own[0]?.model}
                  <small>
                    {own[0]?.provider} / {own[0]?.region}
                  </small>
                </th>
                {features.map((feature) => {
                  const cell = own.find((each) => each.feature === feature);
                  return (
                    <td key={feature} data-verdict={cell?.verdict} title={cell === undefined ? '' : `${verdict(cell.verdict)} ${cell.detail}`}>
                      {cell !== undefined && (
                        <>
                          <span aria-hidden="true">{MARKS[cell.verdict] ?? '?'}</span>
                          <span className="og-visually-hidden">{verdict(cell.verdict)}</span>
                        </>
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
