namespace InverseSolver.Torch;

public static partial class torch
{
    /// <summary>PyTorch's <c>torch.autograd</c>.</summary>
    public static class autograd
    {
        /// <summary>The gradients of Σ ⟨outputs, grad_outputs⟩ by the inputs; zeros for an input that does not matter.</summary>
        public static unsafe Tensor[] grad(Tensor[] outputs, Tensor[] inputs, Tensor[] grad_outputs, bool retain_graph = false)
        {
            if (outputs.Length != grad_outputs.Length)
            {
                throw new ArgumentException("as many cotangents as outputs", nameof(grad_outputs));
            }

            nint* handles = stackalloc nint[2 * outputs.Length + 2 * inputs.Length];
            nint* results = handles + 2 * outputs.Length + inputs.Length;
            Tensor[] borrowed = [.. outputs, .. grad_outputs, .. inputs];
            int held = 0;
            try
            {
                for (; held < borrowed.Length; held++)
                {
                    handles[held] = borrowed[held].Borrow();
                }

                Native.Check(Native.inv_grad(
                    handles, handles + outputs.Length, outputs.Length, handles + 2 * outputs.Length, inputs.Length, retain_graph ? 1 : 0, results));
            }
            finally
            {
                for (int i = 0; i < held; i++)
                {
                    borrowed[i].Handle.DangerousRelease();
                }
            }

            var gradients = new Tensor[inputs.Length];
            for (int i = 0; i < inputs.Length; i++)
            {
                gradients[i] = results[i] != 0 ? new Tensor(results[i]) : zeros_like(inputs[i]);
            }

            return gradients;
        }
    }

    /// <summary>PyTorch's <c>torch.fft</c>.</summary>
    public static class fft
    {
        private static readonly long[] _lastTwo = [-2, -1];

        public static Tensor fft_(Tensor x, long dim = -1, string? norm = null) => Aten.fft_fft.Call(x, Arg.None, dim, norm);

        public static Tensor ifft(Tensor x, long dim = -1, string? norm = null) => Aten.fft_ifft.Call(x, Arg.None, dim, norm);

        public static Tensor fft2(Tensor x, string? norm = null, long[]? dims = null) => Aten.fft_fft2.Call(x, Arg.None, dims ?? _lastTwo, norm);

        public static Tensor ifft2(Tensor x, string? norm = null, long[]? dims = null) => Aten.fft_ifft2.Call(x, Arg.None, dims ?? _lastTwo, norm);

        public static Tensor rfft2(Tensor x, string? norm = null, long[]? dims = null) => Aten.fft_rfft2.Call(x, Arg.None, dims ?? _lastTwo, norm);

        public static Tensor irfft2(Tensor x, long[] size, string? norm = null, long[]? dims = null) => Aten.fft_irfft2.Call(x, size, dims ?? _lastTwo, norm);

        public static Tensor fftshift(Tensor x, long[]? dims = null) => Aten.fft_fftshift.Call(x, dims);

        public static Tensor ifftshift(Tensor x, long[]? dims = null) => Aten.fft_ifftshift.Call(x, dims);
    }

    /// <summary>PyTorch's <c>torch.linalg</c>.</summary>
    public static class linalg
    {
        /// <summary>a = U diag(S) Vh, without the columns that a does not determine.</summary>
        public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor a)
        {
            Tensor[] parts = Aten.linalg_svd.CallMany(3, a, false);
            return (parts[0], parts[1], parts[2]);
        }

        /// <summary>Eigenvalues in ascending order and eigenvectors of a symmetric matrix.</summary>
        public static (Tensor Values, Tensor Vectors) eigh(Tensor a)
        {
            Tensor[] parts = Aten.linalg_eigh.CallMany(2, a);
            return (parts[0], parts[1]);
        }

        public static Tensor cholesky(Tensor a) => Aten.linalg_cholesky.Call(a);

        public static Tensor solve(Tensor a, Tensor b) => Aten.linalg_solve.Call(a, b);

        public static Tensor inv(Tensor a) => Aten.linalg_inv.Call(a);

        /// <summary>The solution of a x = b, a being triangular; of <paramref name="a"/> only that triangle is read.</summary>
        public static Tensor solve_triangular(Tensor a, Tensor b, bool upper) => Aten.linalg_solve_triangular.Call(a, b, upper);

        public static Tensor vector_norm(Tensor a, long[]? dims = null, bool keepdim = false) => Aten.linalg_vector_norm.Call(a, 2.0, dims, keepdim);
    }

    /// <summary>PyTorch's <c>torch.nn</c>.</summary>
    public static class nn
    {
        /// <summary>PyTorch's <c>torch.nn.functional</c>.</summary>
        public static class functional
        {
            private static readonly long[] _ones = [1, 1];
            private static readonly long[] _zeros = [0, 0];

            // Attention scores held at once: 256 MiB in single precision.
            private const long ScoreElements = 1 << 26;

            public static Tensor conv1d(Tensor x, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1) =>
                Aten.conv1d.Call(x, weight, bias, new[] { stride }, new[] { padding }, new[] { dilation }, groups);

            public static Tensor conv2d(Tensor x, Tensor weight, Tensor? bias = null, long[]? stride = null, long[]? padding = null, long[]? dilation = null, long groups = 1) =>
                Aten.conv2d.Call(x, weight, bias, stride ?? _ones, padding ?? _zeros, dilation ?? _ones, groups);

            public static Tensor conv_transpose2d(Tensor x, Tensor weight, Tensor? bias = null, long[]? stride = null, long[]? padding = null, long[]? output_padding = null, long groups = 1) =>
                Aten.conv_transpose2d.Call(x, weight, bias, stride ?? _ones, padding ?? _zeros, output_padding ?? _zeros, groups);

            public static Tensor linear(Tensor x, Tensor weight, Tensor? bias = null) => Aten.linear.Call(x, weight, bias);

            public static Tensor silu(Tensor x) => Aten.silu.Call(x);

            public static Tensor mish(Tensor x) => Aten.mish.Call(x);

            public static Tensor relu(Tensor x) => Aten.relu.Call(x);

            /// <param name="x">The tensor.</param>
            /// <param name="approximate"><c>none</c> or <c>tanh</c>.</param>
            public static Tensor gelu(Tensor x, string approximate = "none") => Aten.gelu.Call(x, approximate);

            public static Tensor softmax(Tensor x, long dim) => Aten.softmax.Call(x, dim);

            public static Tensor group_norm(Tensor x, long groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                Aten.group_norm.Call(x, groups, weight, bias, eps);

            public static Tensor layer_norm(Tensor x, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                Aten.layer_norm.Call(x, normalized_shape, weight, bias, eps);

            public static Tensor embedding(Tensor indices, Tensor weight) => Aten.embedding.Call(weight, indices);

            /// <param name="x">The tensor.</param>
            /// <param name="pads">Before and after, last dimension first.</param>
            /// <param name="mode"><c>constant</c>, <c>reflect</c>, <c>replicate</c> or <c>circular</c>.</param>
            /// <param name="value">For <c>constant</c>.</param>
            public static Tensor pad(Tensor x, long[] pads, string mode = "constant", double? value = null) => Aten.pad.Call(x, pads, mode, value);

            public static Tensor interpolate_nearest(Tensor x, long[] size) => Aten.upsample_nearest2d.Call(x, size);

            public static Tensor avg_pool2d(Tensor x, long[] kernel) => Aten.avg_pool2d.Call(x, kernel);

            /// <summary>The mean of the squared differences over all elements.</summary>
            public static Tensor mse_loss(Tensor x, Tensor y) => Aten.mse_loss.Call(x, y);

            /// <summary>softmax(q kᵀ scale) v over the last two dimensions; scale defaults to 1/√(size of q's last one).</summary>
            public static Tensor scaled_dot_product_attention(Tensor q, Tensor k, Tensor v, double? scale = null)
            {
                if (Aten.scaled_dot_product_attention.Exists && scale is null)
                {
                    return Aten.scaled_dot_product_attention.Call(q, k, v);
                }

                // libtorch 1.13 does not have it. Rows of the scores are independent: many are computed in pieces, to bound their memory.
                double s = Math.Sqrt(scale ?? 1 / Math.Sqrt(q.size(-1)));
                using Tensor scaledQ = q.mul(s);
                using Tensor transposed = k.transpose(-2, -1);
                using Tensor scaledK = transposed.mul(s);
                long queries = q.size(-2);
                long rows = Math.Clamp(ScoreElements * queries / Math.Max(1, q.numel() / q.size(-1) * k.size(-2)), 1, queries);
                if (rows == queries)
                {
                    return Attend(scaledQ, scaledK, v);
                }

                var pieces = new List<Tensor>();
                for (long start = 0; start < queries; start += rows)
                {
                    using Tensor piece = scaledQ.narrow(-2, start, Math.Min(rows, queries - start));
                    pieces.Add(Attend(piece, scaledK, v));
                }

                Tensor whole = cat([.. pieces], -2);
                pieces.ForEach(piece => piece.Dispose());
                return whole;
            }

            private static Tensor Attend(Tensor q, Tensor k, Tensor v)
            {
                using Tensor scores = q.matmul(k);
                using Tensor weights = softmax(scores, -1);
                return weights.matmul(v);
            }
        }
    }
}
