using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.UnitTests;

/// <summary>
/// An analytic model: images are Gaussian, the autoencoder is the identity, and the noise predictor is exact. The latent is z = 2x − 1, so a latent has the
/// image's shape and C_z = 4 C_x. With z ~ N(μ, C) the marginal at timestep t is N(√ᾱ μ, ᾱ C + (1−ᾱ) I), whose score gives
/// ε(z, t) = √(1−ᾱ) (ᾱ C + (1−ᾱ) I)⁻¹ (z − √ᾱ μ). Posterior mean and covariance of a linear problem are known in closed form.
/// </summary>
public sealed class GaussianModel : LatentModel
{
    private readonly Func<double, double, double>? _spectrum;
    private readonly double _mean;
    private readonly Lock _gate = new();
    private readonly Dictionary<(int Height, int Width), Tensor> _eigenvalues = [];
    private readonly (int Height, int Width)? _fixedSize;
    private readonly Tensor? _basis, _variances, _centre;

    /// <summary>Stationary images on a torus of any size, channels independent.</summary>
    /// <param name="spectrum">
    /// Eigenvalue of the covariance of x (on [0,1]) at a frequency (vertical, horizontal) in cycles per pixel, each in [−1/2, 1/2). Positive or 0, and
    /// symmetric: S(−f) = S(f). A pixel's variance is the mean of S over the frequencies of the grid.
    /// </param>
    /// <param name="mean">Mean of every pixel on [0,1].</param>
    /// <param name="channels">C.</param>
    /// <param name="schedule">Noise of each timestep; scaled-linear 0.0015..0.0195 where it is left out.</param>
    /// <param name="device">Where to compute.</param>
    public GaussianModel(Func<double, double, double> spectrum, double mean = 0.5, int channels = 1, NoiseSchedule? schedule = null, Device? device = null)
        : base((schedule ??= NoiseSchedule.ScaledLinear()).AlphasCumprod)
    {
        _spectrum = spectrum;
        _mean = mean;
        Device = device ?? torch.CPU;
        Info = InfoOf("gaussian", channels, schedule);
    }

    /// <summary>Images of one small size with any covariance.</summary>
    /// <param name="mean">(C, H, W) on [0,1].</param>
    /// <param name="covariance">(d, d) of x on [0,1], d = C·H·W, symmetric, positive semidefinite.</param>
    /// <param name="schedule">Noise of each timestep; scaled-linear 0.0015..0.0195 where it is left out.</param>
    /// <param name="device">Where to compute.</param>
    public GaussianModel(Tensor mean, Tensor covariance, NoiseSchedule? schedule = null, Device? device = null)
        : base((schedule ??= NoiseSchedule.ScaledLinear()).AlphasCumprod)
    {
        if (mean.dim() != 3 || covariance.dim() != 2 || covariance.size(0) != mean.numel() || covariance.size(1) != mean.numel())
        {
            throw new ArgumentException("The mean must be (C, H, W), the covariance (C·H·W, C·H·W).", nameof(covariance));
        }

        Device = device ?? torch.CPU;
        Info = InfoOf("gaussian-dense", (int)mean.size(0), schedule);
        _fixedSize = ((int)mean.size(1), (int)mean.size(2));
        using DisposeScope scope = torch.NewDisposeScope();
        (Tensor values, Tensor vectors) = torch.linalg.eigh(covariance.to(ScalarType.Float64, torch.CPU));
        if (values.min().ToDouble() < -1e-9 * values.abs().max().ToDouble())
        {
            throw new ArgumentException("The covariance is not positive semidefinite.", nameof(covariance));
        }

        _variances = (values.clamp(0) * 4.0).to(Device).DetachFromDisposeScope();
        _basis = vectors.to(Device).DetachFromDisposeScope();
        _centre = (mean.to(ScalarType.Float64, Device).reshape(1, -1) * 2.0 - 1.0).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override ModelInfo Info { get; }

    /// <inheritdoc/>
    public override Device Device { get; }

    /// <inheritdoc/>
    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null)
    {
        if (conditioning is not null)
        {
            throw new ArgumentException("The model takes no conditioning.", nameof(conditioning));
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor a = AlphasCumprodOf(t).to(Device);
        Tensor spread = (1.0 - a).sqrt();
        if (_basis is not null)
        {
            CheckFixedSize((int)z.size(2), (int)z.size(3));
            a = a.reshape(-1, 1);
            Tensor residual = z.to(ScalarType.Float64).reshape(z.size(0), -1) - a.sqrt() * _centre!;
            Tensor gain = spread.reshape(-1, 1) / (a * _variances! + (1.0 - a));
            return (residual.Matmul(_basis) * gain).Matmul(_basis.t()).reshape(z.shape).to(ScalarType.Float32).MoveToOuterDisposeScope();
        }

        Tensor filter = (spread / (a * Eigenvalues((int)z.size(2), (int)z.size(3)) + (1.0 - a))).to(ScalarType.Float32);
        Tensor centred = z - (a.sqrt() * (2 * _mean - 1)).to(ScalarType.Float32);
        return torch.fft.ifft2(torch.fft.fft2(centred) * filter).real.contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Exact: with λ an eigenvalue of C, the path of dz/dσ = σ (z − μ)/(λ + σ²) is z − μ ∝ √(λ + σ²) in each eigenvector's direction, hence
    /// f = μ + √(λ/(λ + σ²)) (z − μ).
    /// </remarks>
    public override Tensor ConsistencyFunction(Tensor z, double sigma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        if (_basis is not null)
        {
            CheckFixedSize((int)z.size(2), (int)z.size(3));
            Tensor residual = z.to(ScalarType.Float64).reshape(z.size(0), -1) - _centre!;
            Tensor gain = (_variances! / (_variances! + sigma * sigma)).sqrt();
            return ((residual.Matmul(_basis) * gain).Matmul(_basis.t()) + _centre!).reshape(z.shape).to(ScalarType.Float32).MoveToOuterDisposeScope();
        }

        Tensor values = Eigenvalues((int)z.size(2), (int)z.size(3)), filter = (values / (values + sigma * sigma)).sqrt().to(ScalarType.Float32);
        double middle = 2 * _mean - 1;
        return (torch.fft.ifft2(torch.fft.fft2(z - middle) * filter).real + middle).MoveToOuterDisposeScope();
    }

    /// <summary>Images drawn from the model.</summary>
    /// <param name="count">N.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="generator">Where the randomness comes from.</param>
    /// <returns>(N, C, H, W) on the [0,1] scale, float32.</returns>
    public Tensor Sample(int count, int height, int width, Generator generator)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor noise = torch.randn([count, Channels, height, width], generator, ScalarType.Float64, Device);
        Tensor z;
        if (_basis is not null)
        {
            CheckFixedSize(height, width);
            z = (_centre! + (noise.reshape(count, -1) * _variances!.sqrt()).Matmul(_basis.t())).reshape(noise.shape);
        }
        else
        {
            z = torch.fft.ifft2(torch.fft.fft2(noise) * Eigenvalues(height, width).sqrt()).real + (2 * _mean - 1);
        }

        return ((z + 1.0) * 0.5).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>The mean of x, (C, H, W), and its covariance, (d, d), d = C·H·W: on [0,1], float64. For small sizes.</summary>
    public (Tensor Mean, Tensor Covariance) Moments(int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        long d = (long)Channels * height * width;
        if (_basis is not null)
        {
            CheckFixedSize(height, width);
            return (((_centre! + 1.0) * 0.5).reshape(Channels, height, width).MoveToOuterDisposeScope(),
                ((_basis * _variances!).Matmul(_basis.t()) * 0.25).MoveToOuterDisposeScope());
        }

        // Each column is a filtered unit image.
        Tensor units = torch.eye(d, dtype: ScalarType.Float64, device: Device).reshape(d, Channels, height, width);
        Tensor columns = torch.fft.ifft2(torch.fft.fft2(units) * Eigenvalues(height, width)).real * 0.25;
        Tensor means = torch.full([Channels, height, width], _mean, ScalarType.Float64, Device);
        return (means.MoveToOuterDisposeScope(), columns.reshape(d, d).contiguous().MoveToOuterDisposeScope());
    }

    /// <summary>Mean and covariance of x given y = A x + n, n ~ N(0, σ² I), by a dense solve in float64. For small sizes.</summary>
    /// <param name="a">A, (m, d), d = C·H·W, acting on x on [0,1].</param>
    /// <param name="y">(m).</param>
    /// <param name="sigma">Standard deviation of the noise.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <returns>(C, H, W) and (d, d), float64.</returns>
    public (Tensor Mean, Tensor Covariance) Posterior(Tensor a, Tensor y, double sigma, int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        (Tensor prior, Tensor c) = Moments(height, width);
        Tensor matrix = a.to(ScalarType.Float64, Device), flat = prior.reshape(-1, 1);
        Tensor cross = c.Matmul(matrix.t());
        Tensor system = matrix.Matmul(cross) + torch.eye(matrix.size(0), dtype: ScalarType.Float64, device: Device) * (sigma * sigma);
        Tensor gain = torch.linalg.solve(system, cross.t()).t();
        Tensor surprise = y.to(ScalarType.Float64, Device).reshape(-1, 1) - matrix.Matmul(flat);
        Tensor posterior = (flat + gain.Matmul(surprise)).reshape(Channels, height, width);
        return (posterior.MoveToOuterDisposeScope(), (c - gain.Matmul(cross.t())).MoveToOuterDisposeScope());
    }

    internal override Tensor EncodeCore(Tensor x) => x.alias();

    internal override Tensor DecodeCore(Tensor z) => z.alias();

    private protected override void DisposeCore()
    {
        _basis?.Dispose();
        _variances?.Dispose();
        _centre?.Dispose();
        lock (_gate)
        {
            foreach (Tensor values in _eigenvalues.Values)
            {
                values.Dispose();
            }

            _eigenvalues.Clear();
        }
    }

    private static ModelInfo InfoOf(string id, int channels, NoiseSchedule schedule) => new()
    {
        Id = id,
        Title = "Gaussian images with a known posterior",
        Channels = channels,
        SizeMultiple = 1,
        LatentChannels = channels,
        LatentDownsampling = 1,
        TrainTimesteps = schedule.TrainTimesteps,
        HasConsistencyNetwork = true,
    };

    private void CheckFixedSize(int height, int width)
    {
        if (_fixedSize != (height, width))
        {
            throw new ArgumentException($"The model is for {_fixedSize!.Value.Height}x{_fixedSize.Value.Width} images, not {height}x{width}.");
        }
    }

    // Eigenvalues of the covariance of z, (H, W), in the order of the discrete Fourier transform.
    private Tensor Eigenvalues(int height, int width)
    {
        lock (_gate)
        {
            if (!_eigenvalues.TryGetValue((height, width), out Tensor? values))
            {
                static double Frequency(int k, int n) => (k < (n + 1) / 2 ? k : k - n) / (double)n;
                double[] table =
                [
                    .. from i in Enumerable.Range(0, height)
                       from j in Enumerable.Range(0, width)
                       select 4 * _spectrum!(Frequency(i, height), Frequency(j, width)),
                ];
                if (table.Any(v => v is not (>= 0 and < double.PositiveInfinity)))
                {
                    throw new ArgumentException("The spectrum must be finite and not negative.");
                }

                using DisposeScope scope = torch.NewDisposeScope();
                values = torch.copy_of(table, height, width).to(Device).DetachFromDisposeScope();
                _eigenvalues.Add((height, width), values);
            }

            return values;
        }
    }
}
