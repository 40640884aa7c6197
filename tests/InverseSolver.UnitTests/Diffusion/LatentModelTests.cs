using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class LatentModelTests
{
    [Theory]
    [InlineData(128, 128, 32, 32)]
    [InlineData(33, 17, 12, 8)]
    [InlineData(1, 5, 4, 4)]
    public void Any_size_is_encoded_decoded_and_denoised(int height, int width, int latentHeight, int latentWidth)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using var generator = new Generator(1);
        Assert.Equal([4L, latentHeight, latentWidth], model.LatentShape(height, width));
        Tensor z = model.Encode(torch.rand([2, 1, height, width], generator));
        Assert.Equal([2L, 4, latentHeight, latentWidth], z.shape);
        Assert.Equal([2L, 1, height, width], model.Decode(z, height, width).shape);
        Assert.Equal(z.shape, model.PredictNoise(z, torch.copy_of([10L, 900L])).shape);
    }

    [Fact]
    public void Decoding_a_smaller_image_is_a_crop_of_the_padded_one()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using var generator = new Generator(2);
        Tensor z = torch.randn([1, 4, 8, 8], generator);
        Tensor whole = model.Decode(z, 32, 32), part = model.Decode(z, 27, 30);
        Assert.Equal(whole.slice(2, 2, 29, 1).slice(3, 1, 31, 1).ToFloats(), part.ToFloats());
    }

    [Fact]
    public void Padding_mirrors_without_repeating_the_edge_and_mirrors_again_where_needed()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor row = torch.copy_of([0f, 1f, 2f], 1, 1, 1, 3);
        Assert.Equal([0f, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2], ImagePadding.Pad(row, 11).select(2, 5).ToFloats());
        Assert.Same(row, ImagePadding.Pad(row, 1));
        using var generator = new Generator(1);
        Tensor x = torch.rand([1, 2, 9, 14], generator);
        Assert.Equal(x.ToFloats(), ImagePadding.Crop(ImagePadding.Pad(x, 16), 9, 14).ToFloats());
    }

    [Fact]
    public void The_decoders_vjp_is_autograds_gradient()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using var generator = new Generator(3);
        Tensor z = torch.randn([2, 4, 8, 8], generator), target = torch.rand([2, 1, 30, 32], generator);
        (Tensor decoded, Tensor gradient) = model.DecodeVjp(z, 30, 32, x => (x - target) * 2.0);
        Tensor leaf = z.detach().requires_grad_();
        Tensor loss = (model.Decode(leaf, 30, 32) - target).square().sum();
        Tensor expected = torch.autograd.vjp(loss, leaf, torch.ones([]));
        Assert.False(decoded.requires_grad || gradient.requires_grad);
        Assert.True((gradient - expected).abs().max().ToDouble() <= 1e-5 * expected.abs().max().ToDouble());
    }

    [Fact]
    public void A_noisy_latent_gives_its_noise_back()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        Assert.Equal(0.00014230, model.AlphasCumprod[999], 0.5001e-8);
        Assert.NotNull(model.Info.Hash);
        Assert.Equal(model.Info, ModelPackage.ReadInfo(TestData.Brain));
        Assert.Equal(0.0288, model.Info.RoundTripRmse);
        Assert.Throws<ArgumentException>(() => model.PredictNoise(torch.zeros([1, 3, 8, 8]), torch.copy_of([1L])));
        Assert.Throws<ArgumentException>(() => model.Decode(torch.zeros([1, 4, 8, 8]), 128, 128));
        Assert.Throws<ArgumentException>(() => model.Encode(torch.zeros([1, 3, 8, 8])));
        Assert.Throws<ArgumentException>(() => model.PredictNoise(torch.zeros([1, 4, 8, 8]), torch.copy_of([1L]), torch.zeros([1, 7, 8])));
    }

    [Fact]
    public void Nothing_is_left_after_a_model_was_used_and_disposed()
    {
        // What earlier tests dropped without disposing it must not go away in the middle of the count.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        using (LatentModel model = ModelPackage.Load(TestData.Brain))
        {
            using Tensor z = torch.zeros([1, 4, 4, 4]);
            using Tensor t = torch.copy_of([500L]);
            long loaded = Tensor.TotalCount;
            using Tensor x = model.Decode(z, 16, 16);
            using Tensor back = model.Encode(x);
            using Tensor noise = model.PredictNoise(z, t);
            (Tensor decoded, Tensor gradient) = model.DecodeVjp(z, 16, 16, image => torch.ones_like(image));
            decoded.Dispose();
            gradient.Dispose();
            Assert.Equal(loaded + 3, Tensor.TotalCount);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }
}
