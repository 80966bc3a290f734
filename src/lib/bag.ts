/** Something that can be in a bag. `bagIndex` belongs to the bag; -1 while the member is in none. */
export interface BagMember {
  bagIndex: number;
}

/**
 * Unordered members that come and go all the time. Unlike a Set, whose outgrown tables point at their successors and so
 * keep everything that was ever in them alive until the next full collection once one of them has become old.
 */
export function createBag<T extends BagMember>() {
  const members: T[] = [];
  return {
    /** The member must be in no bag. */
    add(member: T): void {
      member.bagIndex = members.length;
      members.push(member);
    },
    /** False when it was taken out before. */
    delete(member: T): boolean {
      const index = member.bagIndex;
      if (index < 0) return false;
      const last = members.pop()!;
      if (last !== member) {
        members[index] = last;
        last.bagIndex = index;
      }
      member.bagIndex = -1;
      return true;
    },
    get size(): number {
      return members.length;
    },
    /** A copy, so that members may leave while it is gone through. */
    values: (): T[] => [...members],
  };
}
