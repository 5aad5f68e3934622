# %% [markdown]
# # A transformer that writes
#
# A network reads a story letter by letter, learns to guess the next letter, and so learns to write.
#
# Whoever can say how likely each letter is to come next can write: draw one, append it, ask again.
# How well a guess is made depends on how much of the text before it is used. Counting pairs uses
# one letter. Attention lets the network choose for itself where to look, as far back as it can see.
# Here every part of it is built by hand and held against minitorch's own, and after some seconds of
# training on two chapters of Alice in Wonderland it writes words.

# %%
import math
import time

import numpy as np

import minitorch
import minitorch.nn.functional as F
from lessons.common import BLUE, GREEN, GREY, PURPLE, RED, save_figure
from minitorch import nn, optim
from minitorch.utils.data import CharVocabulary, char_text, windows

started = time.perf_counter()
minitorch.manual_seed(0)

# %% [markdown]
# ## Letters as numbers
#
# Each of the $V$ characters that occur gets a number. The last tenth of the text is held back.

# %%
text = char_text()
characters = sorted(set(text))
V = len(characters)
number = {character: i for i, character in enumerate(characters)}
ids = minitorch.tensor([number[character] for character in text])

vocabulary = CharVocabulary(text)
assert (vocabulary.encode(text) == ids).all()
assert vocabulary.decode(ids) == text
cut = len(text) * 9 // 10
print(f"{len(text):,} characters of {V} kinds; {len(text) - cut:,} of them held back")
print(f"{text[33:45]!r} is {ids[33:45].tolist()}")

# %% [markdown]
# The network will see pieces of $T$ characters. The targets are the same piece moved by one: what
# follows the first character, what follows the first two, and so on. One piece asks $T$ questions.

# %%
T = 32
x_valid, y_valid = windows(ids[cut:], T)[:]  # all pieces of the part held back, overlapping
assert (x_valid[0][1:] == y_valid[0][:-1]).all()
assert (x_valid[1] == y_valid[0]).all()
print(f"{len(x_valid):,} pieces held back; a piece and its targets:")
print(f"  {vocabulary.decode(x_valid[0])!r}\n  {vocabulary.decode(y_valid[0])!r}")

# %% [markdown]
# ## What has to be beaten
#
# The loss is that of lesson 10, the surprise $-\log p$ at the letter that does come, on average.
# Three ways to guess without a network:
#
# - All letters are equally likely: $\log V$.
# - Count how often each letter occurs. An e is less of a surprise than a z.
# - Count pairs. After a q comes u. With $n_{ab}$ for how often $b$ followed $a$, a *bigram* model
#   says $p(b \mid a) = (n_{ab} + \alpha) / \sum_c (n_{ac} + \alpha)$. Without $\alpha$ a pair never
#   seen before would have probability 0, and the first one would cost $-\log 0 = \infty$. We try
#   several $\alpha$ and take the one that is best on the part held back: that is more than fair.

# %%
read = ids[:cut].numpy()
single = np.bincount(read, minlength=V) + 1.0
pairs = np.zeros((V, V))
np.add.at(pairs, (read[:-1], read[1:]), 1)


def surprise(p):
    """-log p[a, b] for all pairs of the pieces held back: (pieces, T)."""
    return -np.log(p[x_valid.numpy(), y_valid.numpy()])


def bigram(alpha):
    return (pairs + alpha) / (pairs + alpha).sum(1, keepdims=True)


uniform = math.log(V)
unigram = surprise(np.broadcast_to(single / single.sum(), (V, V))).mean()
alpha = min((0.01, 0.03, 0.1, 0.3, 1.0), key=lambda a: surprise(bigram(a)).mean())
by_pairs = surprise(bigram(alpha))
print(f"all alike {uniform:.3f}, single letters {unigram:.3f}, pairs {by_pairs.mean():.3f} nats")
assert by_pairs.mean() < unigram - 0.3 < uniform - 0.6

# %% [markdown]
# ## A vector for each letter, and for each place
#
# Numbers of letters cannot be computed with: z is not 25 times b. So each gets a row of $d$ numbers
# in a table $W$, an *embedding*, which is learned. Looking up is indexing, `W[ids]`: a matrix
# product of one-hot rows (lesson 10) with $W$ that skips the zeros. So its gradient is that of a
# product, $\mathrm{onehot}^\top g$: a row that is used several times collects from all its uses.

# %%
W = minitorch.randn(V, 3, requires_grad=True)
some = ids[33:45]
looked_up = W[some]
one_hot = (some[:, None] == minitorch.arange(V)).float()
assert minitorch.allclose(looked_up, one_hot @ W)
assert minitorch.equal(looked_up, F.embedding(some, W))

g = minitorch.randn(len(some), 3)
looked_up.backward(g)
assert minitorch.allclose(W.grad, one_hot.T @ g, atol=1e-6)
e = number["e"]
print(f"e stands twice in {vocabulary.decode(some)!r}: its row gets both gradients")
assert (some == e).sum() == 2
assert minitorch.allclose(W.grad[e], g[some == e].sum(0), atol=1e-6)

# %% [markdown]
# A second table has a row for each place, 0 to $T - 1$, and what enters the network is the sum:
# this letter, at this place. We will see at once why the place has to be told.
#
# ## Attention
#
# Each place should fetch what it needs from the places before it. Where to look should depend on
# what is there, and so: every place makes three vectors of its $x$, by three matrices. A *query*
# $q$, what I look for; a *key* $k$, what can be found here; a *value* $v$, what I give to whoever
# looks here. How well a key answers a query is their product, one number. Softmax over all places
# makes weights of these *scores*, and the output is the weighted mean of the values:
#
# $$s_{ij} = \frac{q_i \cdot k_j}{\sqrt d} \qquad p_{ij} = \frac{e^{s_{ij}}}{\sum_k e^{s_{ik}}}
# \qquad y_i = \sum_j p_{ij} v_j$$
#
# Two details matter. **The mask**: place $i$ must not look at $j > i$. There stands the answer that
# it is asked for. A score of $-\infty$ makes $e^s = 0$: no weight. **The root**: a product of two
# vectors of $d$ independent numbers of mean 0 and variance 1 is a sum of $d$ terms of mean 0 and
# variance 1, so it has variance $d$. Softmax of such large numbers is nearly all or nothing, and
# there its slope, $p\,(1 - p)$ for a weight by its own score, is nearly 0. Divided by $\sqrt d$ the
# scores have variance 1, for any $d$.


# %%
def attention(q, k, v, causal=True):
    """The output and the weights, for q, k and v of shape (..., T, d)."""
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        later = minitorch.ones(s.shape[-2:]).triu(1).bool()  # j > i
        s = s.masked_fill(later, -math.inf)
    p = s.softmax(-1)
    return p @ v, p


def randoms(*shape):
    return minitorch.randn(*shape, dtype=minitorch.float64).requires_grad_()


q, k, v = randoms(2, 5, 64), randoms(2, 5, 64), randoms(2, 5, 64)
y, p = attention(q, k, v)
assert minitorch.allclose(y, F.scaled_dot_product_attention(q, k, v, is_causal=True), atol=1e-12)
assert minitorch.allclose(p.sum(-1), minitorch.ones_like(p.sum(-1)))
assert (p.triu(1) == 0).all()
print("weights of the first of two pieces, a row for each place that looks:")
print("\n".join("  " + " ".join(f"{w:.2f}" for w in row) for row in p[0].tolist()))

scores = (minitorch.randn(1000, 64) * minitorch.randn(1000, 64)).sum(1)
print(f"product of two random vectors of 64: deviation {scores.std():.2f}, by √64", end=" ")
print(f"{(scores / 8).std():.2f}")
assert abs((scores / 8).std() - 1) < 0.1

# %% [markdown]
# Nothing in these formulas knows an order: shuffle keys and values in the same way, and without a
# mask the outputs stay as they are. Hence the table of places.

# %%
order = minitorch.randperm(5)
shuffled, _ = attention(q, k[:, order], v[:, order], causal=False)
assert minitorch.allclose(shuffled, attention(q, k, v, causal=False)[0], atol=1e-12)

# %% [markdown]
# ## Its gradients
#
# Let $g = \partial L / \partial y$ be known. Three steps lead back, each of them known as well.
# $y = p\,v$ is a matrix product (lesson 5):
#
# $$\frac{\partial L}{\partial v} = p^\top g \qquad \frac{\partial L}{\partial p} = g\, v^\top$$
#
# Softmax was in lesson 10: row by row, $p_j$ has the slope $p_j\,([j = k] - p_k)$ by $s_k$, where
# $[j = k]$ is 1 for $j = k$ and otherwise 0. Times what arrives, and added up over $j$, that is
#
# $$u_k = \frac{\partial L}{\partial s_k} = \sum_j \frac{\partial L}{\partial p_j}\, p_j\,
# ([j = k] - p_k) = p_k \left( \frac{\partial L}{\partial p_k} - \sum_j p_j
# \frac{\partial L}{\partial p_j} \right)$$
#
# And $s = q\,k^\top / \sqrt d$ is a product again. Where the mask stands, $p = 0$ and so $u = 0$:
# nothing flows to the future, and no line of code is needed for that.
#
# $$\frac{\partial L}{\partial q} = \frac{u\, k}{\sqrt d} \qquad
# \frac{\partial L}{\partial k} = \frac{u^\top q}{\sqrt d}$$


# %%
def attention_grad(g, q, k, v, p):
    dp = g @ v.transpose(-1, -2)
    u = p * (dp - (p * dp).sum(-1, keepdim=True))
    root = math.sqrt(q.shape[-1])
    return u @ k / root, u.transpose(-1, -2) @ q / root, p.transpose(-1, -2) @ g


g = minitorch.randn_like(y)
y.backward(g)
with minitorch.no_grad():
    by_hand = attention_grad(g, q, k, v, p)
for t, ours in zip((q, k, v), by_hand, strict=True):
    assert minitorch.allclose(t.grad, ours, atol=1e-12)
print("the gradients of q, k and v by hand and on the tape agree")

# %% [markdown]
# ## Several heads
#
# One softmax makes one mean. A letter may want two things at once: the letter before it, and the
# start of the word. So the $d$ numbers are divided among several *heads*, each of which attends by
# itself with $d$ / heads numbers. What they find is laid side by side, and a last matrix mixes it.
# The heads are one more axis in front, and the formulas above hold as they are.


# %%
class SelfAttention(nn.Module):
    """(N, T, d) to the same."""

    def __init__(self, d, heads, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.mix = nn.Linear(d, d)

    def by_head(self, x):
        """q, k and v, each (N, heads, T, d / heads)."""
        split = lambda x: x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
        return split(self.query(x)), split(self.key(x)), split(self.value(x))

    def weights(self, x):
        """Where each head looks, (N, heads, T, T)."""
        return attention(*self.by_head(x), self.causal)[1]

    def forward(self, x):
        # our `attention` as one op, which keeps less on the tape
        y = F.scaled_dot_product_attention(*self.by_head(x), is_causal=self.causal)
        return self.mix(y.transpose(1, 2).reshape(x.shape))


def copied(ours, theirs):
    """Gives torch's layout the numbers of ours: the three matrices lie one below the other."""
    three = ours.query, ours.key, ours.value
    with minitorch.no_grad():
        theirs.in_proj_weight.copy_(minitorch.cat([layer.weight for layer in three]))
        theirs.in_proj_bias.copy_(minitorch.cat([layer.bias for layer in three]))
    theirs.out_proj.load_state_dict(ours.mix.state_dict())
    return theirs


ours = SelfAttention(16, heads=4)
theirs = copied(ours, nn.MultiheadAttention(16, 4, batch_first=True))
x = minitorch.randn(2, 7, 16)
y, weights = theirs(x, x, x, is_causal=True, average_attn_weights=False)
assert minitorch.allclose(ours(x), y, atol=1e-6)
assert minitorch.allclose(ours.weights(x), weights, atol=1e-6)
print("four heads by hand and nn.MultiheadAttention: the same outputs and weights")

# %% [markdown]
# ## A block
#
# Attention fetches. What has been fetched must also be worked on, and that does a small network of
# two layers, the same one at every place. Both are *added* to what they were given:
#
# $$x \leftarrow x + \mathrm{attend}(\mathrm{norm}(x)) \qquad
# x \leftarrow x + W_2\, \mathrm{relu}(W_1\, \mathrm{norm}(x))$$
#
# The sum is why deep stacks train. The gradient of $x + f(x)$ is $g$ plus what comes back through
# $f$: whatever $f$ does, $g$ itself arrives unharmed at the first block. Layer norm (lesson 18)
# keeps what enters a branch at one size, while the sum grows from block to block.


# %%
class Block(nn.Module):
    def __init__(self, d, heads, causal=True):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attend = SelfAttention(d, heads, causal)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(self.up(self.norm2(x)).relu())


block = Block(16, heads=4)
layer = nn.TransformerEncoderLayer(
    16, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
)
copied(block.attend, layer.self_attn)
layer.linear1.load_state_dict(block.up.state_dict())
layer.linear2.load_state_dict(block.down.state_dict())
assert minitorch.allclose(block(x), layer(x, is_causal=True), atol=1e-5)
print("the block by hand and nn.TransformerEncoderLayer agree")

# %% [markdown]
# ## The network
#
# Two tables, some blocks, a last norm, and a layer that gives a score to each of the $V$ letters.
# The tables and the last layer start small, the latter for the reason of lesson 11: who has read
# nothing should be sure of nothing, and the first loss should be $\log V$.


# %%
class Writer(nn.Module):
    """Numbers of letters (N, T) to scores of the letter that comes next, (N, T, V)."""

    def __init__(self, d=48, heads=4, blocks=2, causal=True):
        super().__init__()
        self.letters = nn.Embedding(V, d, weights=nn.init.normal(std=0.1))
        self.places = nn.Embedding(T, d, weights=nn.init.normal(std=0.1))
        self.blocks = nn.Sequential(*(Block(d, heads, causal) for _ in range(blocks)))
        self.norm = nn.LayerNorm(d)
        self.scores = nn.Linear(d, V, weights=nn.init.normal(std=0.02))

    def forward(self, ids):
        x = self.letters(ids) + self.places(minitorch.arange(ids.shape[1]))
        return self.scores(self.norm(self.blocks(x)))


model = Writer()
first = F.cross_entropy(model.predict(x_valid).flatten(0, 1), y_valid.flatten()).item()
print(f"{model.count_parameters():,} parameters; first loss {first:.3f}, log V = {uniform:.3f}")
assert abs(first - uniform) < 0.1

# %% [markdown]
# ## It must not see the future
#
# This is the mistake to be afraid of, since nothing complains: a network that can see the answer
# has an excellent loss and cannot write. So we test for it. Change all letters from place $t$ on:
# the scores before $t$ must stay. And a test has to be able to fail: without the mask it does.


# %%
def sees_the_future(model):
    """Does a score depend on a letter that comes later?"""
    ids = x_valid[:1]
    scores = model.predict(ids)
    for t in range(1, T):
        changed = ids.clone()
        changed[:, t:] = (changed[:, t:] + 1) % V
        if not minitorch.allclose(model.predict(changed)[:, :t], scores[:, :t], atol=1e-5):
            return True
    return False


for causal in (True, False):
    print(f"mask {causal}: does it see the future? {sees_the_future(Writer(causal=causal))}")
    assert sees_the_future(Writer(causal=causal)) != causal

# %% [markdown]
# ## Training
#
# The loop of lesson 11 with AdamW (lesson 15) and one cycle of the learning rate, up and down
# (lesson 16). A batch is 24 pieces from anywhere in the text, so 24 · 32 questions.
#
# To write, give the network a start, look at its scores for the next letter only, draw, append, and
# give it the last $T$ letters again. The scores are divided by a *temperature* $\tau$ before the
# softmax, of which more below.


# %%
def write(model, start, count, temperature=0.7):
    written = vocabulary.encode(start)
    for _ in range(count):
        scores = model.predict(written[None, -T:])[0, -1]
        p = (scores / temperature).softmax(0)
        written = minitorch.cat([written, minitorch.multinomial(p, 1)])
    return vocabulary.decode(written)


def show(sample):
    print("\n".join(f"    | {line}" for line in sample.splitlines()))


def train(model, steps, batch=24, lr=4e-3, every=100):
    """Trains; the loss of every step, and by step the loss on the pieces held back."""
    x_train, y_train = windows(ids[:cut], T)[:]
    optimizer = optim.AdamW(model, lr=lr, weight_decay=0.1)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    losses, held_back = [], {}
    for step in range(1, steps + 1):
        rows = minitorch.randint(0, len(x_train), (batch,))
        loss = F.cross_entropy(model(x_train[rows]).flatten(0, 1), y_train[rows].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if step % every == 0:
            # one piece in eight, which is enough for a curve
            scores = model.predict(x_valid[::8]).flatten(0, 1)
            held_back[step] = F.cross_entropy(scores, y_valid[::8].flatten()).item()
            print(f"step {step:4}: {np.mean(losses[-50:]):.3f} in training", end=", ")
            print(f"{held_back[step]:.3f} held back")
        if step in (every, steps // 2):
            show(write(model, "Alice ", 150))
    return losses, held_back


print("before training:")
show(write(model, "Alice ", 60))
losses, held_back = train(model, steps=1000)
print("after training:")
show(write(model, "Alice ", 400))

# %% [markdown]
# ## What it has learned
#
# First the number, on the part held back. Then by place: at the first place of a piece the network
# sees one letter, as the pairs do, and can know no more than they. The further on, the more it has
# seen. If attention is worth anything the loss falls along the piece.

# %%
scores = model.predict(x_valid)
by_network = F.cross_entropy(scores.flatten(0, 1), y_valid.flatten(), reduction="none")
by_network = by_network.reshape(-1, T).numpy()
print(f"held back: pairs {by_pairs.mean():.3f}, the network {by_network.mean():.3f} nats")
for name, by in (("pairs", by_pairs), ("network", by_network)):
    print(f"  {name:8} with one letter to go by {by[:, 0].mean():.3f}", end=", ")
    print(f"with {T // 2} or more {by[:, T // 2 :].mean():.3f}")
assert by_network.mean() < by_pairs.mean() - 0.3
assert abs(by_network[:, 0].mean() - by_pairs[:, 0].mean()) < 0.25
by_place = by_network.mean(0)
assert by_place[T // 2 :].mean() < by_place[0] - 0.4
assert by_place[3] - by_place[4:].mean() < 0.1  # four letters do nearly as much as 32
assert by_place[1] - by_place[4:].mean() > 0.1
assert held_back[200] < by_pairs.mean()
assert not sees_the_future(model)

# %% [markdown]
# It falls, and then stops falling: from four letters on it makes no difference how many more there
# are. Two chapters are a small book. Few things in them come back often enough to be learned from
# further away than a word.
#
# A nat is hard to picture. $e^{\text{loss}}$ is a number of letters: being as unsure as one who has
# so many equally likely ones to choose from.

# %%
print(f"choosing among: {math.exp(uniform):.0f} letters untrained", end=", ")
print(f"{math.exp(by_pairs.mean()):.1f} by pairs, {math.exp(by_network.mean()):.1f} by the network")
assert math.exp(by_network.mean()) < 8 < 11 < math.exp(by_pairs.mean())

# %% [markdown]
# And the writing: how many of its words, of three letters or more, are words of the story?


# %%
def words(text):
    letters = "".join(c if c.isalpha() else " " for c in text.lower())
    return [word for word in letters.split() if len(word) > 2]


known = set(words(text))
share = {}
for name, writer in (("untrained", Writer()), ("trained", model)):
    share[name] = np.mean([word in known for word in words(write(writer, "Alice ", 600))])
    print(f"{name}: {share[name]:.0%} of the words are in the story")
assert share["trained"] > 0.5 > 0.1 > share["untrained"]

# %% [markdown]
# ## Without the mask
#
# The same network, with the mask left out, for 200 steps. In training it is soon better than any
# honest network could be, for it copies: the letter asked for at one place stands at the next. Only
# at the last place there is no next, and there it is helpless. The last place is also the one that
# writes.

# %%
print("without the mask:")
peeking = Writer(causal=False)
peeked, _ = train(peeking, steps=200)
scores = peeking.predict(x_valid)
by_peeking = F.cross_entropy(scores.flatten(0, 1), y_valid.flatten(), reduction="none")
by_peeking = by_peeking.reshape(-1, T).numpy()
print(f"loss at the places before the last {by_peeking[:, :-1].mean():.3f}", end=", ")
print(f"at the last {by_peeking[:, -1].mean():.3f}")
assert by_peeking[:, :-1].mean() < 0.5
assert by_peeking[:, -1].mean() > by_network[:, -1].mean() + 0.5
assert sees_the_future(peeking)

# %% [markdown]
# A loss that is too good to be true is not true. Look at the places one by one, or let it write.
#
# ## Temperature
#
# Two letters with scores $\ell_a$ and $\ell_b$ are drawn in the ratio $e^{(\ell_a - \ell_b) /
# \tau}$. With $\tau = 1$ that is what the network has learned. With a smaller $\tau$ differences
# grow: the best letter is drawn ever more often, in the limit always. With a larger one they
# shrink, in the limit to nothing: all letters are alike. The *entropy* $-\sum p \log p$ says how
# unsure a draw is.

# %%
scores = model.predict(x_valid[::8])[:, -1]
entropy, right = {}, {}
for tau in (0.1, 0.4, 0.7, 1.0, 1.5):
    p = (scores / tau).softmax(-1)
    entropy[tau] = -(p * (p + 1e-20).log()).sum(-1).mean().item()
    written = write(model, "Alice ", 300, tau)
    right[tau] = np.mean([word in known for word in words(written)])
    print(f"temperature {tau}: entropy {entropy[tau]:.2f} nats, {right[tau]:4.0%} known words")
    show(written[:72])
assert list(entropy.values()) == sorted(entropy.values())
coldest = (scores / 0.001).softmax(-1)
assert coldest.gather(1, scores.argmax(-1, keepdim=True)).mean() > 0.99
assert entropy[0.1] < 0.3 < 1.0 < entropy[1.0]
assert right[0.1] > 0.8 > right[1.0] > right[1.5]

# %% [markdown]
# Cold, it says one thing over and over; hot, it invents spelling. In between it writes.
#
# ## Where it looks
#
# The weights $p_{ij}$ can be read. For every head: how much of its weight lies on the letter it
# stands on, on the one before that, and so on? A head that did not care would give each visible
# place the same.


# %%
def maps(model, ids):
    """The weights of all heads in all blocks, (blocks, heads, T, T), averaged over pieces."""
    found = []
    with minitorch.no_grad():
        x = model.letters(ids) + model.places(minitorch.arange(ids.shape[1]))
        for block in model.blocks:
            found.append(block.attend.weights(block.norm1(x)).mean(0).numpy())
            x = block(x)
    return np.stack(found)


on_average = maps(model, x_valid[::8])
even = np.tril(np.ones((T, T))) / np.arange(1, T + 1)[:, None]
back = [0, 1, 2, 3, 7]


def at_offset(p):
    """The mean weight on the letter k places back, for the k in `back`."""
    return np.stack([np.diagonal(p, -k, -2, -1).mean(-1) for k in back], axis=-1)


print("letters back       " + " ".join(f"{k:4}" for k in back))
print("  not caring       " + " ".join(f"{w:4.2f}" for w in at_offset(even)))
for b, h in np.ndindex(on_average.shape[:2]):
    print(f"  block {b}, head {h}  " + " ".join(f"{w:4.2f}" for w in at_offset(on_average[b, h])))

near = at_offset(on_average)[..., :4].sum(-1)  # on the last four letters
before = int(at_offset(on_average[0])[:, 1].argmax())
choosy = int((on_average[1] ** 2).sum((1, 2)).argmax())
print(f"on the last four letters: first block {near[0].mean():.0%}, second {near[1].mean():.0%}")
assert at_offset(on_average[0, before])[1] > 3 * at_offset(even)[1]
assert near[0].mean() > near[1].mean() + 0.2

# %% [markdown]
# Nobody told them to. The first block gathers the last few letters, and one of its heads looks
# mostly at the letter just before: that is what the pairs have. The second block looks far and
# wide, at what the first has made of the places.

# %%
story = text[cut:]
at = next(i for i in range(len(story)) if story[i - 1] == " " and "\n" not in story[i : i + T])
piece = story[at : at + T]
looks = maps(model, vocabulary.encode(piece)[None])


def where_it_looks(figure):
    figure.suptitle("No head looks ahead; one looks one letter back, another chooses from afar")
    chosen = [
        (0, before, "first block: mostly the letter before"),
        (1, choosy, "second block: a few letters, near and far"),
    ]
    for axes, (b, h, title) in zip(figure.subplots(1, 2), chosen, strict=True):
        shown = axes.imshow(looks[b, h], cmap="Blues", vmin=0, vmax=1)
        ticks = [c.replace(" ", "␣") for c in piece]
        axes.set_xticks(range(T), ticks, fontsize=8)
        axes.set_yticks(range(T), ticks, fontsize=8)
        axes.tick_params(length=0, pad=2)
        axes.set_title(title)
        axes.set_xlabel("the letter that is looked at")
        axes.set_ylabel("the letter that looks")
        axes.grid(visible=False)
    figure.colorbar(shown, ax=figure.axes, shrink=0.8, label="weight")


save_figure("23_attention", where_it_looks, figsize=(9.5, 4.8))


def learning(figure):
    figure.suptitle(
        f"It learns to choose among {math.exp(by_network.mean()):.0f} letters where pairs choose "
        f"among {math.exp(by_pairs.mean()):.0f}"
    )
    left, right = figure.subplots(1, 2)
    smooth = np.convolve(losses, np.full(20, 1 / 20), "valid")
    left.plot(np.arange(20, len(losses) + 1), smooth, color=GREY, lw=1.2, label="training text")
    left.plot([0, *held_back], [first, *held_back.values()], "o-", color=BLUE, label="held back")
    for level, colour, name in (
        (uniform, PURPLE, f"all alike, log {V}"),
        (unigram, GREEN, "single letters"),
        (by_pairs.mean(), RED, "pairs"),
    ):
        left.axhline(level, color=colour, ls="--", lw=1.2)
        style = {"color": colour, "ha": "right", "va": "bottom", "fontsize": 11}
        left.text(len(losses), level + 0.02, name, **style)
    left.set_title("Better than counting pairs after 200 steps")
    left.set_xlabel("step (24 pieces of 32 letters)")
    left.set_ylabel("cross-entropy (nats a letter)")
    left.set_ylim(1, 4.5)
    left.legend(loc=(0.4, 0.66))

    at = np.arange(1, T + 1)
    right.plot(at, by_pairs.mean(0), color=RED, ls="--", label="pairs: one letter")
    right.plot(at, by_place, "o-", ms=4, color=BLUE, label="network: all letters so far")
    right.set_title("What it uses is the last four letters")
    right.set_xlabel("letters to go by")
    right.set_ylabel("held back: nats a letter")
    right.set_ylim(1.8, 2.7)
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.72))


save_figure("23_learning", learning, figsize=(10, 4.4))

# %%
took = time.perf_counter() - started
print(f"found: it writes letter by letter, at {by_network.mean():.2f} nats against", end=" ")
print(f"{by_pairs.mean():.2f} by pairs and {uniform:.2f} at the start, in {took:.0f} s")

# %% [markdown]
# ## Exercises
#
# Five more check themselves: fill in the functions in `lessons/exercises/23_transformer.py`, then
# run `python -m lessons check 23`.
#
# 1. Leave out the table of places. What does the loss become, and why does the network not fail
#    altogether? What tells it the order all the same?
# 2. Leave out the residual sums, then the norms. Which of them can two blocks do without? Can six?
# 3. Leave out the $1/\sqrt d$, and start `query` and `key` with weights three times as large. What
#    happens to the weights $p$ at the start, and to the loss?
# 4. Count triples of letters, $p(c \mid ab)$, and mix them with pairs: $\lambda p(c \mid ab) +
#    (1 - \lambda)\, p(c \mid b)$. How close to the network can counting come?
# 5. The gap between the two curves grows: the network begins to know the story by heart. Put in the
#    dropout of lesson 20, train longer, and see how far the loss held back can be brought down.
# 6. Writing computes all $T$ places for one new letter, although the keys and values of the old
#    ones have not changed. Keep them. How many multiply-adds does a letter cost before and after?
# 7. Give the last layer the transposed table of letters as its weights, $W^\top$, so that both
#    learn from both uses. What does it save, and what does it cost?
