/// Names for containers that were given none, in docker's manner: an adjective and the name of somebody who did
/// remarkable work (`angry_stallman`).
package enum RandomName {
  /// A name; from the second `attempt` on a digit follows, as in docker.
  package static func make(attempt: Int = 0) -> String {
    var generator = SystemRandomNumberGenerator()
    return make(attempt: attempt, using: &generator)
  }

  /// The same with the randomness given.
  package static func make(attempt: Int, using generator: inout some RandomNumberGenerator) -> String {
    let left = pick(adjectives, &generator)
    var right = pick(surnames, &generator)
    // As docker's generator has it: Steve Wozniak is not boring.
    if left == "boring", right == "wozniak" { right = "stallman" }
    return attempt == 0 ? "\(left)_\(right)" : "\(left)_\(right)\(Int.random(in: 0...9, using: &generator))"
  }

  /// The words are kept as one literal and only the chosen one becomes a string.
  private static func pick(_ words: StaticString, _ generator: inout some RandomNumberGenerator) -> String {
    let bytes = UnsafeBufferPointer(start: words.utf8Start, count: words.utf8CodeUnitCount)
    let space = UInt8(ascii: " ")
    var start = Int.random(in: 0..<bytes.count, using: &generator)
    while start > 0, bytes[start - 1] != space { start -= 1 }
    var end = start
    while end < bytes.count, bytes[end] != space { end += 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private static let adjectives: StaticString = """
    admiring adoring affectionate agitated amazing angry awesome beautiful blissful bold boring brave busy \
    charming clever cool compassionate competent condescending confident cranky crazy dazzling determined \
    distracted dreamy eager ecstatic elastic elated elegant eloquent epic exciting fervent festive flamboyant \
    focused friendly frosty funny gallant gifted goofy gracious great happy hardcore heuristic hopeful hungry \
    infallible inspiring intelligent interesting jolly jovial keen kind laughing loving lucid magical modest \
    musing mystifying naughty nervous nice nifty nostalgic objective optimistic peaceful pedantic pensive \
    practical priceless quirky quizzical recursing relaxed reverent romantic sad serene sharp silly sleepy \
    stoic strange stupefied suspicious sweet tender thirsty trusting unruffled upbeat vibrant vigilant vigorous \
    wizardly wonderful xenodochial youthful zealous zen
    """

  private static let surnames: StaticString = """
    agnesi albattani allen almeida antonelli archimedes ardinghelli aryabhata austin babbage banach banzai \
    bardeen bartik bassi beaver bell benz bhabha bhaskara blackburn blackwell bohr booth borg bose bouman boyd \
    brahmagupta brattain brown buck burnell cannon carson cartwright cerf chandrasekhar chaplygin chatelet \
    chatterjee chaum chebyshev clarke cohen colden cori cray curie curran darwin davinci dewdney dhawan diffie \
    dijkstra dirac driscoll dubinsky easley edison einstein elbakyan elgamal elion ellis engelbart euclid euler \
    faraday feistel fermat fermi feynman franklin gagarin galileo galois ganguly gates gauss germain goldberg \
    goldstine goldwasser golick goodall gould greider grothendieck haibt hamilton haslett hawking heisenberg \
    hellman hermann herschel hertz heyrovsky hodgkin hofstadter hoover hopper hugle hypatia ishizaka jackson \
    jang jemison jennings jepsen johnson joliot jones kalam kapitsa kare keldysh keller kepler khayyam khorana \
    kilby kirch knuth kowalevski lalande lamarr lamport leakey leavitt lederberg lehmann lewin lichterman \
    liskov lovelace lumiere mahavira margulis matsumoto maxwell mayer mccarthy mcclintock mclaren mclean \
    mcnulty meitner mendel mendeleev meninsky merkle mestorf mirzakhani montalcini moore morse moser murdock \
    napier nash neumann newton nightingale nobel noether northcutt noyce panini pare pascal pasteur payne \
    perlman pike poincare poitras proskuriakova ptolemy raman ramanujan rhodes ride ritchie robinson roentgen \
    rosalind rubin saha sammet sanderson satoshi shamir shannon shaw shirley shockley shtern sinoussi snyder \
    solomon spence stallman stonebraker sutherland swanson swartz swirles taussig tesla tharp thompson torvalds \
    tu turing varahamihira vaughan vaughn villani visvesvaraya volhard wescoff wilbur wiles williams williamson \
    wilson wing wozniak wright wu yalow yonath zhukovsky
    """
}
