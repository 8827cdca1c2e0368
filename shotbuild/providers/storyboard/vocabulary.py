"""The English words that a prompt is read by: meaning → words. Of two meanings with one word, the first has it."""

PLACES = {
    "sea": "sea ocean wave surf beach shore sail boat ship ferry yacht harbour harbor bay island raft swim whale",
    "coast": "lighthouse cliff headland beacon coast shoreline",
    "mountains": "mountain peak alp alpine summit ridge glacier valley canyon himalaya snowfield avalanche volcano",
    "hills": "hill field meadow farm prairie grass grassland countryside pasture vineyard garden park plain steppe orchard",
    "desert": "desert dune sand sahara mars wasteland camel oasis",
    "forest": "forest wood tree jungle pine grove clearing birch undergrowth swamp",
    "city": "city skyline skyscraper downtown rooftop roof tower metropolis town-hall penthouse balcony megacity",
    "street": "street alley avenue sidewalk pavement crosswalk market square lane lamppost neon taxi block corner bus-stop",
    "road": "road highway motorway freeway drive route asphalt roadside truck petrol gas-station railway train track-bed",
    "village": "village house cottage barn church chapel town farmhouse suburb cabin castle",
    "room": "room kitchen bedroom office apartment flat study library cafe restaurant bar hotel window desk sofa armchair "
    "workshop studio-flat table bed indoors interior home classroom door lab attic",
    "hall": "corridor hallway hall tunnel museum hospital station subway metro cathedral temple gallery archive vault "
    "bunker",
    "stairs": "stair staircase stairwell step-up stairway",
    "studio": "studio product packshot bottle perfume sneaker shoe logo backdrop cyclorama pedestal cosmetic pack packaging",
    "air": "sky cloud airplane plane aircraft flight glider hot-air-balloon stratosphere jet helicopter drone-flight",
    "space": "space planet orbit galaxy moon-base spaceship spacecraft star asteroid astronaut nebula cosmos rocket saturn",
}
HOURS = {
    "dawn": "dawn sunrise daybreak morning early first-light",
    "noon": "noon midday day daylight sunny afternoon summer bright spring",
    "golden": "golden gold sunset evening autumn amber honey late-sun golden-hour magic-hour",
    "dusk": "dusk twilight nightfall blue-hour gloaming sundown",
    "night": "night midnight moonlit moon moonlight nocturnal dark star starry candle torch neon lantern",
    "grey": "overcast grey gray cloudy gloomy dreary winter bleak",
    "noir": "noir monochrome black-and-white greyscale grayscale silhouette",
}
WEATHERS = {
    "storm": "storm thunder tempest gale hurricane lightning squall",
    "rain": "rain rainy drizzle downpour wet shower umbrella",
    "snow": "snow snowy blizzard snowfall snowflake snowstorm",
    "fog": "fog foggy mist misty haze hazy smog",
}
TINTS = {
    "warm": "warm cosy cozy happy joy joyful hopeful hope tender romantic love gentle nostalgic fire summer desert",
    "cold": "cold icy frozen ice lonely sad melancholy winter sober clinical silent arctic sterile",
    "green": "eerie sick toxic matrix uncanny jungle emerald swamp",
    "red": "anger angry danger blood violent rage hell alarm war mars lava",
    "violet": "dream dreamy neon cyberpunk surreal magic magical fantasy mysterious",
    "sepia": "vintage old-film sepia memory retro faded archive western",
}
SIZES = {
    "extreme wide": "establishing extreme-wide very-wide panorama panoramic vista epic ews els",
    "aerial": "aerial drone bird-eye top-down overhead from-above satellite",
    "low": "low-angle from-below worm-eye looking-up",
    "wide": "wide wide-shot long-shot full-shot ws ls landscape",
    "medium": "medium medium-shot mid-shot waist ms cowboy two-shot",
    "over": "over-shoulder over-her-shoulder over-his-shoulder over-their-shoulder ots",
    "insert": "insert macro detail product-shot packshot extreme-close-up extreme-closeup ecu",
    "close": "close-up closeup close face portrait cu eye tear head-shot",
}
MOVES = {
    "push": "push-in pushes-in pushing-in dolly-in dollies-in zoom-in zooms-in zoom move-in moves-in "
    "closer creep-in push creep approach",
    "pull": "pull-out pulls-out pull-back pulls-back dolly-out zoom-out zooms-out back-away reveal retreat widen",
    "left": "pan-left pans-left panning-left",
    "right": "pan pan-right pans-right panning-right swish",
    "up": "tilt tilt-up tilts-up tilting-up look-up",
    "down": "tilt-down tilts-down tilting-down",
    "track": "track tracking follow following dolly slide lateral trucking steadicam alongside",
    "rise": "crane crane-up cranes-up boom ascend lift-off ascending crane-shot",
    "sink": "crane-down cranes-down descend descending boom-down",
    "held": "handheld hand-held shaky documentary shake hectic",
    "static": "static locked locked-off tripod still fixed motionless lockdown",
}
SUBJECTS = {
    "person": "person someone figure traveller traveler hiker keeper stranger silhouette soldier worker walker wanderer "
    "dancer musician driver pilot detective astronaut climber runner surfer baker fisher fisherman farmer hero character i",
    "woman": "woman girl she lady mother daughter queen actress sister grandmother bride nurse heroine",
    "man": "man boy he father son king brother guy actor grandfather sailor captain",
    "child": "child kid toddler baby schoolboy schoolgirl",
    "old": "old elder elderly",
    "monk": "monk wizard witch ghost pilgrim",
    "pair": "couple pair two lovers twin friend both",
    "crowd": "crowd people group audience commuter army team family passer-by march protest tourist band children "
    "kids soldiers workers dancers players passengers students musicians friends",
    "car": "car taxi truck van vehicle bus automobile convertible cab",
    "train": "train tram locomotive subway metro",
    "boat": "boat ship sailboat ferry yacht vessel raft canoe trawler",
    "bird": "bird gull seagull crow eagle swan flock pigeon owl heron geese raven",
    "dog": "dog puppy wolf fox hound",
    "cat": "cat kitten lynx tiger lion",
    "horse": "horse pony rider cowboy stallion camel donkey",
    "deer": "deer stag elk moose antelope",
    "plane": "airplane plane aircraft jet glider",
    "rocket": "rocket spaceship spacecraft shuttle missile",
    "fish": "fish whale shark dolphin salmon",
    "bottle": "bottle perfume wine whisky whiskey beer flask cosmetic",
    "cup": "cup coffee tea mug espresso",
    "book": "book page diary notebook journal",
    "letter": "letter note envelope postcard photograph photo paper map",
    "phone": "phone smartphone screen mobile",
    "clock": "clock watch clockwork countdown time-piece",
    "candle": "candle flame match bonfire campfire",
    "hand": "hand finger fist fingertip palm",
}
ACTIONS = {
    "run": "run sprint chase flee race escape rush gallop hurry",
    "walk": "walk stride wander stroll march cross pass step hike approach leave enter arrive trudge come go head",
    "climb": "climb ascend scramble",
    "sit": "sit sits sitting seat seated rest read write reading",
    "fly": "fly soar glide hover float",
    "rise": "rise rises rising lift launch take-off takeoff",
    "drive": "drive ride cruise speed roll sail drift pull-up travel",
    "turn": "turn spin rotate look dance",
    "stand": "stand wait watch stare pause gaze stay",
}
HELD = {
    "umbrella": "umbrella parasol",
    "lamp": "lantern torch",
    "bag": "suitcase bag briefcase case luggage",
    "stick": "cane stick staff",
}
KINDS = {
    "kitchen": "kitchen cook baker bread", "bedroom": "", "bed": "bed bedroom hotel sleep pillow",
        "office": "office desk workshop lab",
    "library": "library book archive study", "cafe": "cafe restaurant bar coffee", "door": "door doorway knock entrance",
}  # fmt: skip

SMALL = frozenset({"bottle", "cup", "book", "letter", "phone", "clock", "candle", "hand"})
PEOPLE = frozenset({"person", "woman", "man", "child", "old", "monk", "pair", "crowd", "astronaut"})
LINKS = frozenset(
    ["a", "an", "the", "of", "in", "on", "at", "to", "into", "and", "with", "from", "by", "her", "his", "their", "its", "s"]
)
