import css from './kit.module.css';

export function Brand() {
  return (
    <span className={css.brand}>
      <img src="/mark.svg" alt="" width={28} height={28} />
      OpenGateway
    </span>
  );
}
