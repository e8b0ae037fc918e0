import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';

import type { Attempt } from './api';
import css from './logs.module.css';

/** Each try as a bar over the whole time: where it began, when its first byte came, how it ended. */
export function Attempts({ attempts, total }: { attempts: Attempt[]; total: number }) {
  const { t, language } = useWords();
  const whole = Math.max(total, ...attempts.map((attempt) => attempt.ended_ms), 1);
  const share = (ms: number) => `${(Math.max(0, ms) * 100) / whole}%`;
  return (
    <ol className={css.attempts} aria-label={t('logs:attempts')}>
      {attempts.map((attempt, place) => (
        <li key={place} data-status={attempt.status}>
          <div className={css.attemptHead}>
            <strong>
              {attempt.provider} / {attempt.region}
            </strong>
            <span>{attempt.upstream_model}</span>
            <span>
              {attempt.status}
              {attempt.upstream_status > 0 ? ` ${attempt.upstream_status}` : ''}
              {attempt.error_code != null ? ` · ${attempt.error_code}` : ''}
            </span>
            <span className={css.end}>{duration(attempt.ended_ms - attempt.started_ms, language)}</span>
          </div>
          <div className={css.track} aria-hidden="true">
            <i style={{ insetInlineStart: share(attempt.started_ms), width: share(attempt.ended_ms - attempt.started_ms) }} />
            {attempt.first_byte_ms != null && <b style={{ insetInlineStart: share(attempt.first_byte_ms) }} />}
          </div>
          {attempt.why !== '' && <span className={css.why}>{attempt.why}</span>}
        </li>
      ))}
    </ol>
  );
}
