using F = TorchSharp.torch.nn.functional;

namespace InverseSolver.Diffusion.Networks;

/// <summary>
/// The functions of the networks' layers. Beside these a forward pass only adds, subtracts, multiplies, divides, casts and changes shapes; a test lists those
/// operations. A translation of the networks into another form needs these functions only.
/// </summary>
internal static class LayerFunctions
{
    /// <param name="x">(N, in, H, W).</param>
    /// <param name="weight">(out, in, k, k).</param>
    /// <param name="bias">(out).</param>
    /// <param name="stride">Of height and width.</param>
    /// <param name="padding">Zeros on each side, of height and width.</param>
    internal static Tensor conv2d(Tensor x, Tensor weight, Tensor bias, long[] stride, long[] padding) => F.conv2d(x, weight, bias, stride, padding);

    /// <summary>x Wᵀ + b over the last dimension.</summary>
    internal static Tensor linear(Tensor x, Tensor weight, Tensor? bias) => F.linear(x, weight, bias);

    /// <param name="x">(N, C, ...).</param>
    /// <param name="groups">Groups of channels that share mean and variance.</param>
    /// <param name="weight">Scale (C).</param>
    /// <param name="bias">Shift (C).</param>
    /// <param name="eps">Added to the variance.</param>
    internal static Tensor group_norm(Tensor x, long groups, Tensor weight, Tensor bias, double eps) => F.group_norm(x, groups, weight, bias, eps);

    /// <summary>Normalises over the last dimension.</summary>
    internal static Tensor layer_norm(Tensor x, Tensor weight, Tensor bias, double eps) => F.layer_norm(x, [x.size(-1)], weight, bias, eps);

    /// <summary>softmax(q kᵀ / √c) v.</summary>
    /// <param name="query">(N, heads, T, c).</param>
    /// <param name="key">(N, heads, L, c).</param>
    /// <param name="value">(N, heads, L, c).</param>
    internal static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value) => F.scaled_dot_product_attention(query, key, value);

    /// <summary>x / (1 + e⁻ˣ).</summary>
    internal static Tensor silu(Tensor x) => F.silu(x);

    /// <summary><see cref="silu"/> in place.</summary>
    internal static Tensor silu_(Tensor x) => F.silu(x, inplace: true);

    /// <summary>x tanh(ln(1 + eˣ)).</summary>
    internal static Tensor mish(Tensor x) => F.mish(x);

    /// <summary>x Φ(x), by the error function.</summary>
    internal static Tensor gelu(Tensor x) => F.gelu(x);

    /// <summary>max(x, 0).</summary>
    internal static Tensor relu(Tensor x) => F.relu(x);

    /// <summary>Repeats pixels up to a size.</summary>
    internal static Tensor upsample_nearest2d(Tensor x, long height, long width) => F.upsample_nearest2d(x, [height, width]);

    /// <summary>Means of 2x2 pixels.</summary>
    internal static Tensor avg_pool2d(Tensor x) => F.avg_pool2d(x, [2, 2]);

    /// <summary>One row of zeros below and one column on the right.</summary>
    internal static Tensor pad_below_and_right(Tensor x) => F.pad(x, [0, 1, 0, 1]);

    /// <summary>Rows of a table: (N) of integers and (rows, C) to (N, C).</summary>
    internal static Tensor embedding(Tensor indices, Tensor table) => table.index_select(0, indices.to(ScalarType.Int64).to(table.device));

    /// <summary>Geometric frequencies from 1 down to 1/10000, (1, half). In float32 throughout, as the networks were trained.</summary>
    internal static Tensor timestep_frequencies(int half, double shift)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor exponent = torch.arange(half, dtype: ScalarType.Float32) * -Math.Log(10000) / (half - shift);
        return exponent.exp().unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Sines and cosines of timesteps, in float32: (N) to (N, 2 C), or (N, 2 C + 1) with a column of zeros.</summary>
    /// <param name="t">(N).</param>
    /// <param name="frequencies">(1, C).</param>
    /// <param name="logarithm">True where the logarithm of t is taken.</param>
    /// <param name="turns">True where frequencies count turns rather than radians.</param>
    /// <param name="cosineFirst">True where cosines come first.</param>
    /// <param name="oddWidth">True where a column of zeros follows.</param>
    internal static Tensor timestep_embedding(Tensor t, Tensor frequencies, bool logarithm, bool turns, bool cosineFirst, bool oddWidth)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor time = t.to(ScalarType.Float32, frequencies.device);
        time = logarithm ? time.log() : time;
        Tensor phase = time.unsqueeze(1) * frequencies;
        phase = turns ? phase * 2.0 * Math.PI : phase;
        Tensor sine = phase.sin(), cosine = phase.cos();
        Tensor[] parts = cosineFirst ? [cosine, sine] : [sine, cosine];
        parts = oddWidth ? [.. parts, torch.zeros([t.size(0), 1], dtype: ScalarType.Float32, device: frequencies.device)] : parts;
        return torch.cat(parts, 1).MoveToOuterDisposeScope();
    }

    /// <summary>The log-variance that an encoder gives, within the limits of the original.</summary>
    internal static Tensor clamp_log_variance(Tensor x) => x.clamp(-30, 20);

    /// <summary>‖e‖²/2 of each row of a codebook, which <see cref="vector_quantize"/> takes: (codes, C) to (codes).</summary>
    internal static Tensor half_squares(Tensor codebook)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return (codebook.square().sum([1]) * 0.5).MoveToOuterDisposeScope();
    }

    /// <summary>The nearest row of a codebook for every pixel, with the gradient of the identity.</summary>
    /// <param name="z">(N, C, H, W).</param>
    /// <param name="codebook">(codes, C).</param>
    /// <param name="halfSquares">Of <see cref="half_squares"/>.</param>
    internal static Tensor vector_quantize(Tensor z, Tensor codebook, Tensor halfSquares)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor codes;
        using (torch.no_grad())
        {
            // argmin ||z - e||² = argmax <z, e> - ||e||²/2, in pieces that keep the table of products small.
            Tensor pixels = z.detach().permute(0, 2, 3, 1).reshape(-1, z.size(1));
            long step = Math.Max(1, (1L << 24) / codebook.size(0));
            Tensor[] indices = [.. pixels.split(step).Select(Nearest)];
            codes = codebook.index_select(0, torch.cat(indices)).reshape(z.size(0), z.size(2), z.size(3), z.size(1)).permute(0, 3, 1, 2).contiguous();
        }

        return (z.requires_grad ? z + (codes - z.detach()) : codes).MoveToOuterDisposeScope();

        Tensor Nearest(Tensor piece)
        {
            using DisposeScope inner = torch.NewDisposeScope();
            return (piece.Matmul(codebook.t()) - halfSquares).argmax(1).MoveToOuterDisposeScope();
        }
    }
}
