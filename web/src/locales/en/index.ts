import core from './core';
import desk from './desk';
import team from './team';

export default { ...core, ...team, ...desk };
